"""Runs one pass of a Swift daemon over a node's devices."""
import os
import tempfile
import time

import swiftdir
import talk
import usage


def main():
    asked = talk.request()
    swiftdir.use(asked['swift_dir'])
    import eventlet
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True,
                                  thread=True)
    log = swiftdir.Log()
    with tempfile.TemporaryDirectory() as cache:
        daemon = DAEMONS[asked['daemon']](conf_of(asked, cache), log)
        start = usage.age()
        talk.gate(asked)
        begun, meter = time.monotonic(), usage.Meter()
        daemon.run_once()
        talk.answer(dict(meter.spent(), wall=time.monotonic() - begun,
                         start=start, errors=log.errors))


def conf_of(asked, cache):
    host, port = asked['address'].rsplit(':', 1)
    conf = dict(swiftdir.diskfile_conf(asked), recon_cache_path=cache,
                swift_dir=os.path.abspath(asked['swift_dir']),
                ring_ip=host, bind_ip=host, bind_port=port,
                conn_timeout='5', node_timeout='60', http_timeout='60',
                sync_method='ssync')
    conf.update(asked['set'] or {})
    return conf


def replicator(conf, log):
    from swift.obj.replicator import ObjectReplicator
    return ObjectReplicator(conf, log)


def updater(conf, log):
    from swift.obj.updater import ObjectUpdater
    return ObjectUpdater(conf, log)


DAEMONS = {'replicator': replicator, 'updater': updater}


if __name__ == '__main__':
    talk.run(main)
