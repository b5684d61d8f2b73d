"""Points Swift's code at a swift directory that is not /etc/swift."""
import logging
import os
import traceback

LOUD = ('warning', 'error', 'exception', 'critical')
QUIET = ('debug', 'info', 'notice')


def use(path):
    """Makes Swift read PATH/swift.conf; returns the storage policies.

    Must come before any other import of Swift: its policies and constraints
    are read once, at import. Importing utils already looks for a secret in
    /etc/swift/swift.conf, if there is one; set_swift_dir throws it away.
    """
    from swift.common import utils
    utils.set_swift_dir(os.path.abspath(path))
    from swift.common import storage_policy
    return storage_policy.POLICIES


class Log:
    """Stands where a Swift logger is wanted and keeps what went wrong."""

    def __init__(self):
        self.thread_locals = None
        self.txn_id = None
        self.errors = []

    def isEnabledFor(self, level):
        return level >= logging.WARNING

    def log(self, level, message, *args, **kw):
        """What the adapters that daemons put before their logger call."""
        if self.isEnabledFor(level):
            self._keep('log', message, *args, **kw)

    def __getattr__(self, name):
        if name in LOUD:
            return lambda *a, **kw: self._keep(name, *a, **kw)
        if name in QUIET or not name.startswith('_'):
            return lambda *a, **kw: None    # statsd's names are many
        raise AttributeError(name)

    def _keep(self, level, message, *args, **kw):
        # One dict is the values of names, as in logging.
        values = args[0] if len(args) == 1 and isinstance(args[0], dict) else args
        text = message % values if args else str(message)
        if level == 'exception' or kw.get('exc_info'):
            text += '\n' + traceback.format_exc()
        self.errors.append(text)


def diskfile_conf(asked):
    """The options every DiskFileRouter of ours is made with."""
    return {'devices': os.path.abspath(asked['devices']),
            'mount_check': 'false',
            'fallocate_reserve': '0',
            'reclaim_age': str(asked['reclaim_age'])}


def router(asked, log):
    from swift.obj.diskfile import DiskFileRouter
    return DiskFileRouter(diskfile_conf(asked), log)


def plain(hashes):
    """Suffix digests as strings; those of erasure coding, one a fragment
    index, as 'None:<digest> 0:<digest>'."""
    return {suffix: _plain(value) for suffix, value in hashes.items()}


def _plain(value):
    if isinstance(value, dict):
        return ' '.join('%s:%s' % (k, value[k])
                        for k in sorted(value, key=lambda k: (k is not None, k)))
    return value or ''
