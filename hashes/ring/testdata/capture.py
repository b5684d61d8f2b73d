#!/usr/bin/env python3
"""Capture rings of Swift's, and what Swift knows by them, as golden files for
the tests beside this directory.

Run it where OpenStack Swift is installed for Python 3; it writes
<ring>-<format>-<version>.ring.gz, and <ring>.json, which is the same for all of
them. Swift before 2.36 writes format 1 only. The tests read the captured files and need neither Python nor
Swift. The rings are those of bench/peer, some of them by their seed.
"""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../../bench/peer/python'))
import rings        # noqa: E402
import swiftdir     # noqa: E402

CONF = ('[swift-hash]\nswift_hash_path_prefix = pre\n'
        'swift_hash_path_suffix = suf\n')

# By seed; each is small.
RINGS = {'built': 0, 'thrown': 23, 'short': 15}


def wide(ring_data):
    """The same ring with device ids of four bytes."""
    from swift.common.ring.utils import resize_array
    ring_data._replica2part2dev_id = [
        resize_array(row, 4) for row in ring_data._replica2part2dev_id]
    return ring_data


def capture(name, form, ring_data, width=''):
    import swift
    # A checkout does not know its own version: it is the argument then.
    version = (sys.argv[1:] or [swift.__version__])[0]
    path = os.path.join(HERE, '%s-v%d%s-%s.ring.gz' % (name, form, width, version))
    extra = {'format_version': form} if form > 1 else {}
    ring_data.save(path, **extra)
    with open(os.path.join(HERE, name + '.json'), 'w') as out:
        json.dump(rings.known(path), out, sort_keys=True)
        out.write('\n')


def main():
    with tempfile.TemporaryDirectory() as conf:
        with open(os.path.join(conf, 'swift.conf'), 'w') as out:
            out.write(CONF)
        swiftdir.use(conf)
        from swift.common.ring import RingData
        for name, seed in RINGS.items():
            if not hasattr(RingData, 'deserialize_v2'):
                capture(name, 1, rings.build(seed))
                continue
            capture(name, 2, rings.build(seed))
            if name == 'built':
                capture(name, 2, wide(rings.build(seed)), 'wide')


if __name__ == '__main__':
    main()
