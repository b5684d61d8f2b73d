"""Rings of many shapes, written by Swift, and where Swift finds things
by them.

One request does what is asked for, in this order, and answers all of it:
seeds: a ring of each seed is written to swift_dir/ring-<seed>.ring.gz.
get_nodes: lists of arguments of swift-get-nodes, run one by one.
"""
import array
import contextlib
import io
import optparse
import os
import random

import swiftdir
import talk

# Partitions asked of a ring that has more: every so many-th, and the last.
SAMPLE = 512


def build(seed):
    """A ring in any state that rings are written in."""
    rng = random.Random(seed)
    return thrown(rng, seed) if seed % 4 == 3 else built(rng)


def built(rng):
    """A ring of Swift's builder."""
    from swift.common.ring import RingBuilder
    replicas = rng.choice([1, 2, 3, 3, 2.5, 3.25, 1.1, 4])
    builder = RingBuilder(rng.randrange(0, 10), replicas, 0)
    builder.set_overload(rng.choice([0, 0.1, 1]))
    shape = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 3)
    for number in range(rng.randint(8, 30)):
        builder.add_dev(device(rng, number, *shape))
    # One has partitions for certain, or there is no ring.
    builder.set_dev_weight(0, 100)
    builder.rebalance(seed='first')
    for number in range(1, len(builder.devs)):
        if len(builder.devs) - number > 6 and rng.random() < 0.2:
            builder.remove_dev(number)      # leaves a hole
    builder.rebalance(seed='again')
    if rng.random() < 0.3:
        builder.prepare_increase_partition_power()
    return builder.get_ring()


def thrown(rng, seed):
    """A ring whose table is thrown with dice, so that a partition may be twice
    on a device, and a device may have no other than partition 0."""
    from swift.common.ring import RingData
    power = 17 if seed % 24 == 7 else rng.randrange(0, 5)
    shape = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 3)
    devs = [device(rng, number, *shape) for number in range(rng.randint(1, 12))]
    numbers = range(len(devs))
    rows = [array.array('H', rng.choices(numbers, k=length))
            for length in [2 ** power] * rng.randint(1, 3) + [2 ** power // 3]]
    return RingData(rows, devs, 32 - power, version=seed)


def device(rng, number, regions, zones, hosts):
    region, zone = rng.randint(1, regions), rng.randint(0, zones)
    # The same address may be in two zones.
    ip = rng.choice(['10.%d.0.%d', 'fd00::%d:%d', 'node-%d-%d.example']) % (
        region, rng.randint(1, hosts))
    dev = {'id': number, 'region': region, 'zone': zone, 'ip': ip,
           'port': rng.choice([6000, 6200]), 'device': 'sd%d' % number,
           'weight': rng.choice([0, 1, 50.5, 100, 100, 100, 100]),
           'meta': rng.choice(['', 'a "disk" of \xe9\u6f22'])}
    if rng.random() < 0.5:
        dev.update(replication_ip='10.99.0.%d' % number, replication_port=6300)
    return dev


def known(path):
    """All that Swift says of a ring."""
    from swift.common.ring import Ring
    ring = Ring(path)
    step = max(ring.partition_count // SAMPLE, 1)
    parts = sorted(set(range(0, ring.partition_count, step)) |
                   {ring.partition_count - 1})
    return {'power': ring.part_power, 'replicas': ring.replica_count,
            'version': ring.version, 'next': ring.next_part_power,
            'assigned': ring.assigned_device_count,
            'devices': [d for d in ring.devs if d],
            'partitions': [{'part': part, 'primaries': ids(ring.get_part_nodes(part)),
                            'handoffs': ids(ring.get_more_nodes(part))} for part in parts]}


def ids(devices):
    return [d['id'] for d in devices]


def get_nodes(swift_dir, args):
    """What swift-get-nodes prints. It is a script, which this does again."""
    from swift.cli import info
    from swift.common.ring import Ring
    options = optparse.Values({
        'all': '-a' in args, 'partition': None, 'policy_name': None,
        'swift_dir': swift_dir, 'quoted': False})
    args = [arg for arg in args if arg != '-a']
    if '-p' in args:
        at = args.index('-p')
        options.partition = args[at + 1]
        del args[at:at + 2]
    path, args = info.parse_get_node_args(options, args)
    name = os.path.basename(path)[:-len('.ring.gz')]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        info.print_item_locations(Ring(path), name, *args, **vars(options))
    return said.getvalue()


def main():
    asked = talk.request()
    swift_dir = os.path.abspath(asked['swift_dir'])
    swiftdir.use(swift_dir)
    answers = {'rings': {}, 'get_nodes': []}
    for seed in asked.get('seeds') or []:
        path = os.path.join(swift_dir, 'ring-%d.ring.gz' % seed)
        build(seed).save(path)
        answers['rings'][path] = known(path)
    for args in asked.get('get_nodes') or []:
        answers['get_nodes'].append(get_nodes(swift_dir, args))
    talk.answer(answers)


if __name__ == '__main__':
    talk.run(main)
