"""Writes objects through Swift's own diskfile, in the order asked for."""
import base64
import hashlib
import os
import random
import subprocess

import swiftdir
import talk

PIECE = 1 << 20


def main():
    asked = talk.request()
    policies = swiftdir.use(asked['swift_dir'])
    from swift.obj import diskfile
    # Thousands of objects: one syncfs at the end costs less than five fsyncs
    # for each, and leaves the same bytes.
    os.fsync = diskfile.fsync = diskfile.fsync_dir = lambda *args: None
    os.makedirs(os.path.join(asked['devices'], asked['device']), exist_ok=True)
    router = swiftdir.router(asked, swiftdir.Log())
    for number, op in enumerate(asked['ops']):
        try:
            policy = policies.get_by_index(op['policy'])
            DO[op['op']](router[policy], policy, asked['device'], op)
        except Exception as err:
            raise SystemExit('operation %d, %s %r: %s: %s' % (
                number, op['op'], op['name'], type(err).__name__, err))
    subprocess.run(['sync', '-f', asked['devices']], check=True)
    talk.answer({})


def put(mgr, policy, device, op):
    from swift.common.utils import Timestamp
    metadata = {'X-Timestamp': Timestamp(op['timestamp']).internal,
                'Content-Type': 'application/octet-stream'}
    pieces, extra = body(op), {}
    if policy.policy_type == 'erasure_coding':
        extra['frag_index'] = op['fragment']
        pieces, sysmeta = fragment(policy, op, b''.join(pieces))
        metadata.update(sysmeta)
    digest, size = hashlib.md5(), 0
    with diskfile_of(mgr, policy, device, op, **extra).create() as writer:
        for piece in pieces:
            writer.write(piece)
            digest.update(piece)
            size += len(piece)
        metadata.update({'ETag': digest.hexdigest(),
                         'Content-Length': str(size)})
        metadata.update(headers(op))
        writer.put(metadata)
        if not op['no_commit']:
            writer.commit(Timestamp(op['timestamp']))


def post(mgr, policy, device, op):
    from swift.common.utils import Timestamp
    metadata = dict(headers(op),
                    **{'X-Timestamp': Timestamp(op['timestamp']).internal})
    if op['content_type_timestamp']:
        when = Timestamp(op['content_type_timestamp'])
        metadata['Content-Type-Timestamp'] = when.internal
    diskfile_of(mgr, policy, device, op).write_metadata(metadata)


def delete(mgr, policy, device, op):
    diskfile_of(mgr, policy, device, op).delete(op['timestamp'])


def raw(mgr, policy, device, op):
    """A file as no healthy Swift would write it, beside the object's own."""
    from swift.obj.diskfile import write_metadata
    hash_dir = diskfile_of(mgr, policy, device, op)._datadir
    os.makedirs(hash_dir, exist_ok=True)
    with open(os.path.join(hash_dir, op['file']), 'wb') as f:
        f.writelines(body(op))
        if op['headers'] is not None:
            write_metadata(f, headers(op))
    mgr.invalidate_hash(os.path.dirname(hash_dir))


DO = {'put': put, 'post': post, 'delete': delete, 'raw': raw}


def diskfile_of(mgr, policy, device, op, **extra):
    account, container, name = talk.utf8(op['name']).lstrip('/').split('/', 2)
    return mgr.get_diskfile(device, op['partition'], account, container, name,
                            policy=policy, **extra)


def headers(op):
    given = dict(op['headers'] or {})
    if 'name' in given:
        given['name'] = talk.utf8(given['name'])
    return given


def body(op):
    """The body in pieces: as given, or of that size and seed."""
    if op['body']:
        yield base64.b64decode(op['body'])
        return
    source, left = random.Random(op['seed']), op['size']
    while left:
        piece = source.randbytes(min(left, PIECE))
        yield piece
        left -= len(piece)


def fragment(policy, op, whole):
    """The fragment archive that an erasure-coded policy keeps on one node."""
    step = policy.ec_segment_size
    coded = [policy.pyeclib_driver.encode(whole[at:at + step])
             for at in range(0, len(whole), step)]
    prefix = 'X-Object-Sysmeta-Ec-'
    return [f[op['fragment']] for f in coded], {
        prefix + 'Frag-Index': str(op['fragment']),
        prefix + 'Etag': hashlib.md5(whole).hexdigest(),
        prefix + 'Content-Length': str(len(whole)),
        prefix + 'Scheme': policy.ec_scheme_description,
        prefix + 'Segment-Size': str(step)}


if __name__ == '__main__':
    talk.run(main)
