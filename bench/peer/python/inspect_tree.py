"""Tells what Swift's own code finds on a device, and changes nothing there."""
import errno
import hashlib
import os

import swiftdir
import talk

OWN = ('hashes.pkl', 'hashes.invalid', '.lock', '.lock-replication')


def main():
    asked = talk.request()
    policy = swiftdir.use(asked['swift_dir']).get_by_index(asked['policy'])
    mgr = swiftdir.router(asked, swiftdir.Log())[policy]
    hands_off(mgr)
    from swift.obj import diskfile
    device = os.path.join(asked['devices'], asked['device'])
    base = os.path.join(device, diskfile.get_data_dir(policy))
    tree = {'objects': {}, 'partitions': {},
            'leftovers': below(device, diskfile.get_tmp_dir(policy)),
            'quarantined': names(os.path.join(
                device, 'quarantined', diskfile.get_data_dir(policy)))}
    for partition in filter(str.isdigit, names(base)):
        look_at(tree, mgr, policy, device, os.path.join(base, partition))
    talk.answer(tree)


def hands_off(mgr):
    """Reading an object, Swift tidies its directory and quarantines what is
    bad; a judge must not. No file system call that removes or moves a name
    works any more, and a quarantine moves nothing."""
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOTEMPTY, 'hands off')

    os.rmdir = os.unlink = os.remove = os.rename = refuse
    mgr.quarantine_renamer = lambda device, path: path


def look_at(tree, mgr, policy, device, path):
    from swift.obj import diskfile
    partition, fresh, held = os.path.basename(path), {}, set()
    for name in names(path):
        suffix = os.path.join(path, name)
        if len(name) != 3 or not os.path.isdir(suffix):
            if name not in OWN:
                tree['leftovers'].append(os.path.relpath(suffix, device))
            continue
        for hash_ in names(suffix):
            at = os.path.join(suffix, hash_)
            key = '%s/%s' % (partition, hash_)
            found = tree['objects'][key] = object_at(mgr, policy, device, at)
            tree['leftovers'] += [
                os.path.relpath(os.path.join(at, f), device)
                for f in found['files'] if f.startswith('.')]
            if found['files']:
                held.add(name)
        if name in held:
            fresh[name] = mgr._hash_suffix(suffix, policy)
    stored = diskfile.read_hashes(path)
    valid = stored.pop('valid')
    stored.pop('updated')
    tree['partitions'][partition] = {
        'fresh': swiftdir.plain(fresh), 'stored': swiftdir.plain(stored),
        'valid': bool(valid),
        'invalid': lines(os.path.join(path, 'hashes.invalid'))}


def object_at(mgr, policy, device, path):
    from swift.common import exceptions
    if not os.path.isdir(path):
        return {'state': 'error', 'error': 'not a directory', 'files': []}
    found = {'state': 'absent', 'files': names(path)}
    found['stored'] = {f: own_metadata(os.path.join(path, f))
                       for f in found['files']}
    extra = {}
    if policy.policy_type == 'erasure_coding':
        extra['frag_prefs'] = []    # a fragment that is not durable counts too
    df = mgr.diskfile_cls(mgr, device, None, _datadir=path, policy=policy,
                          open_expired=True, **extra)
    try:
        with df.open():
            describe(df, found)
    except exceptions.DiskFileDeleted as deleted:
        found.update(state='deleted', ts=deleted.timestamp.internal,
                     metadata=wired(deleted.metadata),
                     name=talk.stored(deleted.metadata.get('name', '')))
    except exceptions.DiskFileNotExist:
        pass
    except Exception as err:
        found.update(state='error',
                     error='%s: %s' % (type(err).__name__, err))
    return found


def describe(df, found):
    found.update(
        name=talk.stored(df.get_metadata()['name']),
        data_ts=df.data_timestamp.internal, ts=df.timestamp.internal,
        ctype_ts=df.content_type_timestamp.internal,
        metadata=wired(df.get_metadata()),
        data_metadata=wired(df.get_datafile_metadata()),
        meta_metadata=wired(df.get_metafile_metadata()))
    digest, size, bad = hashlib.md5(), 0, []
    for piece in df.reader(_quarantine_hook=bad.append):
        digest.update(piece)
        size += len(piece)
    found.update(state='error' if bad else 'data', error=' '.join(bad),
                 md5=digest.hexdigest(), size=size)


def own_metadata(path):
    """One file's own metadata, as the bytes that lie on the disk."""
    from swift.obj import diskfile
    try:
        return {talk.stored(k): talk.stored(v)
                for k, v in diskfile.read_metadata(path).items()}
    except Exception as err:
        return {'unreadable': type(err).__name__}


def wired(metadata):
    if metadata is None:
        return None
    return {talk.wire(k): talk.stored(v) if k == 'name' else talk.wire(v)
            for k, v in metadata.items()}


def names(path):
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding='latin-1') as f:
        return f.read().split()


def below(device, directory):
    return [os.path.relpath(os.path.join(path, f), device)
            for path, _, files in os.walk(os.path.join(device, directory))
            for f in sorted(files)]


if __name__ == '__main__':
    talk.run(main)
