"""Builds a ring with Swift's own builder, and tells where partitions belong."""
import os

import swiftdir
import talk


def main():
    asked = talk.request()
    swiftdir.use(asked['swift_dir'])
    from swift.common.ring import Ring, RingBuilder
    builder = RingBuilder(asked['part_power'], asked['replicas'], 0)
    for number, dev in enumerate(asked['devices']):
        builder.add_dev(dict(dev, id=number, region=1, meta=''))
    builder.rebalance(seed='a ring that anybody can build again')
    path = os.path.join(asked['swift_dir'], asked['name'] + '.ring.gz')
    builder.get_ring().save(path)
    ring = Ring(asked['swift_dir'], ring_name=asked['name'])
    talk.answer([[dev['id'] for dev in ring.get_part_nodes(partition)]
                 for partition in range(ring.partition_count)])


if __name__ == '__main__':
    talk.run(main)
