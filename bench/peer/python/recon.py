"""What Swift makes of a node's recon figures.

One request does what is asked for, in this order, and answers all of it:
dump: {file: [values, ...]} goes through dump_recon_cache, one by one.
targets: paths that Swift's recon middleware answers.
report: arguments of swift-recon, run against host and port.
"""
import contextlib
import io
import os
import sys

import swiftdir
import talk


def main():
    asked = talk.request()
    swiftdir.use(asked['swift_dir'])
    answers = {'errors': dump(asked.get('dump') or {}), 'targets': [], 'report': ''}
    for target in asked.get('targets') or []:
        answers['targets'].append(middleware(asked, target))
    if asked.get('report'):
        answers['report'] = report(asked)
    talk.answer(answers)


def dump(files):
    from swift.common.utils import dump_recon_cache
    log = swiftdir.Log()
    for path, several in files.items():
        for values in several:
            dump_recon_cache(values, path, log)
    return log.errors


def middleware(asked, target):
    from swift.common.middleware import recon
    from swift.common.swob import Request
    app = recon.ReconMiddleware(None, {
        'devices': os.path.abspath(asked['devices']),
        'swift_dir': os.path.abspath(asked['swift_dir']),
        'recon_cache_path': asked['cache_path']})
    app.logger = swiftdir.Log()
    response = Request.blank(target).get_response(app)
    return {'status': response.status_int, 'type': response.content_type,
            'body': response.body.decode('utf-8')}


def report(asked):
    ring(asked)
    from swift.cli import recon
    sys.argv = ['swift-recon', '--swiftdir', asked['swift_dir']] + asked['report']
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        recon.SwiftRecon().main()
    return said.getvalue()


def ring(asked):
    """Writes an object ring of one device, which is where swift-recon looks
    for hosts."""
    from swift.common.ring import RingBuilder
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1.0,
                     'ip': asked['host'], 'port': asked['port'], 'device': 'd1',
                     'replication_ip': asked['host'], 'replication_port': asked['port']})
    builder.rebalance()
    builder.get_ring().save(os.path.join(asked['swift_dir'], 'object.ring.gz'))


if __name__ == '__main__':
    talk.run(main)
