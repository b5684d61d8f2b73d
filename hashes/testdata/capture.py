#!/usr/bin/env python3
"""Capture what Swift does with names and metadata, as golden files for the
tests beside this directory.

Run it where OpenStack Swift is installed for Python 3; it writes
<topic>-<version>.json next to itself. The tests read the captured files and
need neither Python nor Swift.
"""
import json
import logging
import os
import pickle
import random
import tempfile

import swift
from swift.common import storage_policy
from swift.common.storage_policy import POLICIES, StoragePolicyCollection, \
    StoragePolicy, ECStoragePolicy
from swift.obj import diskfile

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261124


def save(topic, cases):
    path = os.path.join(HERE, '%s-%s.json' % (topic, swift.__version__))
    with open(path, 'w') as out:
        out.write('[\n')
        out.write(',\n'.join(json.dumps(case, sort_keys=True)
                             for case in cases))
        out.write('\n]\n')


def managers():
    # No tombstone of the cases is to be reclaimed.
    conf = {'devices': '/nonexistent', 'mount_check': 'false',
            'reclaim_age': '10000000000'}
    logger = logging.getLogger('capture')
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return (diskfile.DiskFileManager(conf, logger),
            diskfile.ECDiskFileManager(conf, logger))


def metadata_cases():
    """WSGI strings in, the pickle of write_metadata out."""
    tomb = {'X-Timestamp': '1795000009.00000', 'name': '/AUTH_a/c/o3'}
    body = {'X-Timestamp': '1700000001.00000', 'Content-Type': 'text/plain',
            'Content-Length': '5', 'ETag': '5d41402abc4b2a76b9719d911017c592',
            'X-Object-Meta-Color': 'blue', 'name': '/AUTH_a/c/o1'}
    wire = 'caf\u00c3\u00a9'  # UTF-8 as a WSGI string
    cases = [
        ('a tombstone', tomb),
        ('a body', body),
        ('one field', {'name': '/a/c/o'}),
        ('no field', {}),
        ('not ASCII', dict(body, **{'X-Object-Meta-' + wire: wire,
                                    'name': '/AUTH_a/c/o 2/\u00e9\u4e16'})),
        ('bytes that are not UTF-8', dict(tomb, Key='\u00ff\u00fe\u0080')),
        ('one-byte values', dict(body, A='1', B='1', C='x', D='5', E='x')),
        ('empty values', dict(body, A='', B='', C='x', D='')),
        ('numbers above a byte', dict(
            tomb, **{'X-Object-Meta-%03d' % i: 'value %d' % i
                     for i in range(120)}, One='1', Two='1')),
        ('a full batch', {'Key-%04d' % i: 'value' for i in range(1000)}),
        ('more than a batch', {'Key-%04d' % i: 'value' for i in range(1001)}),
    ]
    for name, metadata in cases:
        stored = diskfile._encode_metadata(metadata)
        data = pickle.dumps(stored, diskfile.PICKLE_PROTOCOL)
        case = {
            'case': name,
            'fields': [[k.encode('latin1').hex(),
                        v.encode('utf8' if k == 'name' else 'latin1').hex()]
                       for k, v in metadata.items()],
            'checksum': diskfile.md5(data, usedforsecurity=False).hexdigest(),
            'length': len(data),
        }
        if len(data) < 20000:
            case['pickle'] = data.hex()
        yield case


def hashes_cases():
    """Dicts of suffix digests and their pickles."""
    def digest(i):
        return diskfile.md5(str(i).encode(), usedforsecurity=False).hexdigest()
    for n in (0, 1, 2, 3, 300, 998, 999, 1000, 4096):
        digests = {'%03x' % i: digest(i) if i % 7 != 6 else None
                   for i in range(n)}
        answer = pickle.dumps(digests, 2)
        whole = {'valid': True}
        whole.update(digests)
        whole['updated'] = 1795414437.8179164
        whole = pickle.dumps(whole, 2)
        yield {'suffixes': n,
               'answer': diskfile.md5(answer).hexdigest(),
               'hashes.pkl': diskfile.md5(whole).hexdigest()}


def describe(info):
    ctype = info['ctype_timestamp']
    return {'time': info['timestamp'].internal,
            'ctype': ctype.internal if ctype is not None else None,
            'frag': info.get('frag_index'),
            'durable': bool(info.get('durable', False))}


def name_cases(replicated, coded):
    """Names as either manager takes them apart; null: unexpected."""
    stems = [
        '1700000005.12345', '1700000005.12345_a', '1700000005', '1e9', ' 5 ',
        '5_', '1700000005.12345_000000000000000a', '1700000005.12345+0',
        '1700000005.12345-64ab9', '1700000005.12345_a-64ab9',
        '1700000005.12345_a+0', '1700000005.12345+64ab9',
        '1700000005.12345-FF', '1700000005.12345- f_f ',
        '1700000005.12345-0xff', '1700000005.12345-xff',
        '1700000005.12345-', '1700000005.12345+', '1.00000-186a0',
        '1.00000-186a1', '9999999999.00000+186a0', '5.00000+1-1', '5.00000+1-',
        '5.00000+1-2+3', '5.00000+1-2+zz', '5.00000-1-fffffff', '5.00000+_1',
        '5.00000+1_', '5.00000+1__1', '5.00000++1', '5.00000+-1', '-5', '+5',
        'x', '', '.5', '..5', 'nan', 'inf', '10000000000', '9999999999.99999',
        '1700000001.00000#0', '1700000001.00000#1', '1700000001.00000#1#d',
        '1700000001.00000#01#d', '1700000001.00000#5', '1700000001.00000#6',
        '1700000001.00000#-1', '1700000001.00000#-0', '1700000001.00000# 1 ',
        '1700000001.00000#+1#d', '1700000001.00000#1_0',
        '1700000001.00000#1#D', '1700000001.00000#1#d#x',
        '1700000001.00000#1#x#d', '1700000001.00000#', '1700000001.00000##d',
        '1700000001.00000#x', '#1', '1700000001.00000_b#2#d',
    ]
    exts = ['.data', '.meta', '.ts', '.durable', '.data.tmp', '.DATA', '.x']
    names = [stem + ext for stem in stems for ext in exts]
    names += ['', '.', '..', '...', '.data', '..data', '1700000005.12345',
              '1700000005', '5.', '.5', '...5',
              '.1700000005.12345.data.aB3_x9']
    for name in names:
        case = {'name': name}
        for kind, mgr in (('replication', replicated), ('ec', coded)):
            policy = POLICIES[1 if kind == 'ec' else 0]
            try:
                case[kind] = describe(
                    mgr.parse_on_disk_filename(name, policy))
            except (diskfile.DiskFileError, OverflowError):
                case[kind] = None
        yield case


def choice_cases(replicated):
    """Directories and what get_ondisk_files makes of them."""
    rng = random.Random(SEED)
    times = ['1700000001.00000', '1700000002.00000', '1700000003.00000',
             '1700000003.00000_000000000000000a', '1700000004.00000']

    def random_name():
        time = rng.choice(times)
        kind = rng.choice(['.data', '.data', '.meta', '.meta', '.meta', '.ts',
                           '.durable', '.other', '', '!'])
        if kind == '!':
            return rng.choice(['junk', time + '#1.data', '.x.data.Ab12_9',
                               time + '.data.tmp'])
        if kind == '':
            return time.partition('.')[0]
        if kind == '.meta' and rng.random() < 0.7:
            delta = rng.choice(['+0', '-186a0', '+186a0', '-30d40', '+30d40'])
            base, _, offset = time.partition('_')
            if offset:
                base += '_%x' % int(offset, 16)
            return base + delta + '.meta'
        return time + kind

    for _ in range(400):
        names = sorted({random_name() for _ in range(rng.randint(0, 7))},
                       reverse=True)
        results = replicated.get_ondisk_files(
            names, '', verify=False, policy=POLICIES[0])
        case = {'names': names}
        for key in ('data', 'meta', 'ctype', 'ts'):
            info = results.get(key + '_info')
            case[key] = info['filename'] if info else None
        for key in ('obsolete', 'possible_reclaim'):
            case[key] = sorted(i['filename'] for i in results.get(key, []))
        case['unexpected'] = sorted(results.get('unexpected', []))
        case['digest'] = suffix_digest(replicated, names)
        yield case


def suffix_digest(mgr, names):
    """The digest of a suffix with one hash directory of these names."""
    with tempfile.TemporaryDirectory() as root:
        suffix = os.path.join(root, 'abc')
        os.makedirs(os.path.join(suffix, 32 * '0'))
        for name in names:
            open(os.path.join(suffix, 32 * '0', name), 'w').close()
        try:
            return mgr._hash_suffix(suffix, policy=POLICIES[0])
        except diskfile.PathNotDir:
            return None


if __name__ == '__main__':
    storage_policy._POLICIES = StoragePolicyCollection([
        StoragePolicy(0, 'gold', True),
        ECStoragePolicy(1, 'ec', ec_type='liberasurecode_rs_vand',
                        ec_ndata=4, ec_nparity=2)])
    replicated, coded = managers()
    save('metadata', metadata_cases())
    save('hashes', hashes_cases())
    save('names', name_cases(replicated, coded))
    save('choices', choice_cases(replicated))
