"""Runs one pass of Swift's object-reconstructor over some devices of this node,
which are all of a ring that it writes: device I has fragment I."""
import array
import logging
import os

import swiftdir
import talk

PART_POWER = 1


def main():
    asked = talk.request()
    policies = swiftdir.use(asked['swift_dir'])
    import eventlet
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True,
                                  thread=True)
    write_ring(asked, policies.get_by_index(asked['policy']))
    from swift.common.utils import get_logger
    from swift.obj.reconstructor import ObjectReconstructor
    host, port = asked['to'].rsplit(':', 1)
    conf = dict(swiftdir.diskfile_conf(asked), bind_ip=host, bind_port=port,
                swift_dir=os.path.abspath(asked['swift_dir']),
                recon_cache_path=os.path.dirname(os.path.abspath(__file__)),
                conn_timeout=asked['conn_timeout'],
                node_timeout=asked['timeout'])
    logger = get_logger(conf, log_route='object-reconstructor')
    errors = Errors()
    logger.logger.addHandler(errors)
    ObjectReconstructor(conf, logger=logger).run_once()
    talk.answer({'errors': errors.texts})


def write_ring(asked, policy):
    from swift.common.ring.ring import RingData
    host, port = asked['to'].rsplit(':', 1)
    devices = asked['devices_of_ring']
    devs = [{'id': i, 'region': 1, 'zone': i, 'weight': 1.0, 'meta': '',
             'ip': host, 'port': int(port), 'replication_ip': host,
             'replication_port': int(port), 'device': name}
            for i, name in enumerate(devices)]
    table = [array.array('H', [i] * 2 ** PART_POWER)
             for i in range(len(devices))]
    RingData(table, devs, 32 - PART_POWER).save(
        os.path.join(asked['swift_dir'], policy.ring_name + '.ring.gz'))


class Errors(logging.Handler):
    """Keeps warnings and worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(self.format(record))


if __name__ == '__main__':
    talk.run(main)
