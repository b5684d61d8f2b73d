"""Has Swift's own code load configurations: paths come in on standard input,
one a line; for each a line of JSON goes out, what each part of Swift sees."""
import json
import os
import sys

from paste.deploy import loadwsgi

from swift.common import utils, wsgi


def seen(*dicts):
    conf = {}
    for d in dicts:
        conf.update(d)
    return {k: v for k, v in conf.items() if k != '__name__'}


def server(path):
    """run_wsgi: what listens and runs as the user sees this."""
    return seen(wsgi.appconfig(path, name='object-server'))


def app_and_filters(path, log_name):
    """run_server: what the object server and its filters see."""
    context = wsgi.loadcontext(loadwsgi.APP, path, global_conf={'log_name': log_name})
    if context.object_type.name != 'pipeline':
        return {'app': seen(context.global_conf, context.local_conf)}
    parts = {'app': seen(context.app_context.global_conf, context.app_context.local_conf)}
    for f in context.filter_contexts:
        parts.setdefault(f.entry_point_name, seen(f.global_conf, f.local_conf))
    return parts


def replicator(path):
    """run_daemon. The two defaults are PasteDeploy's, not readconf's."""
    here = path if os.path.isdir(path) else os.path.dirname(path)
    conf = seen(utils.readconf(path, 'object-replicator', defaults={'here': here, '__file__': path}))
    return conf


def load(path):
    try:
        parts = {'server': server(path)}
        parts.update(app_and_filters(path, parts['server'].get('log_name', 'object-server')))
    except Exception as err:
        return {'refused': '%s: %s' % (type(err).__name__, err)}
    try:
        parts['replicator'] = replicator(path)
    except Exception as err:
        parts['replicator_refused'] = '%s: %s' % (type(err).__name__, err)
    return parts


for line in sys.stdin:
    print(json.dumps(load(line.rstrip('\n'))), flush=True)
