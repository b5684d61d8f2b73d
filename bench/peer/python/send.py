"""Sits in the sender's seat: Swift's own ssync Sender, one session a
partition, one after the other."""
import os
import resource
import time

import swiftdir
import talk


def main():
    asked = talk.request()
    policy = swiftdir.use(asked['swift_dir']).get_by_index(asked['policy'])
    # Swift's daemons patch before they open a socket; timeouts rest on it.
    import eventlet
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True,
                                  thread=True)
    log = swiftdir.Log()
    tally = Tally(asked['trace'])
    sender = sender_class(tally, asked['connect_pause'])
    daemon, node = daemon_of(asked, log), node_of(asked)
    begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    for job, suffixes in jobs(asked, policy):
        tally.partition = job['partition']
        success, in_sync = sender(daemon, node, job, suffixes,
                                  asked['check_objs'], **extras(asked))()
        tally.partitions[job['partition']] = {
            'success': bool(success), 'in_sync': len(in_sync)}
    spent = resource.getrusage(resource.RUSAGE_SELF)
    talk.answer(dict(
        tally.report(), errors=log.errors,
        wall=time.monotonic() - begun,
        user_cpu=spent.ru_utime - used.ru_utime,
        system_cpu=spent.ru_stime - used.ru_stime))


class Tally:
    """What went over the wire in all sessions."""

    def __init__(self, trace):
        self.partition = None
        self.partitions = {}
        self.trace = [] if trace else None
        self.offered = self.wanted = self.body_bytes = 0
        self.per_method = {}

    def note(self, kind, **event):
        if self.trace is not None:
            self.trace.append(dict(event, partition=self.partition, kind=kind))

    def report(self):
        return {'success': all(p['success'] for p in self.partitions.values()),
                'partitions': self.partitions,
                'offered': self.offered, 'wanted': self.wanted,
                'subrequests': sum(self.per_method.values()),
                'per_method': self.per_method,
                'body_bytes': self.body_bytes, 'trace': self.trace}


def sender_class(tally, pause):
    import eventlet
    from swift.obj import ssync_sender

    class Sender(ssync_sender.Sender):
        def connect(self):
            connected = super().connect()
            eventlet.sleep(pause)
            return connected

        def missing_check(self, connection, response):
            offered, wanted = super().missing_check(connection, response)
            tally.offered += len(offered)
            tally.wanted += len(wanted)
            for hash_, times in offered.items():
                line = ssync_sender.encode_missing(hash_, **times)
                tally.note('offer', hash=hash_, line=line.decode('ascii'))
            for hash_, parts in wanted.items():
                tally.note('wanted', hash=hash_,
                           line=' '.join(sorted(p for p in parts if parts[p])))
            return offered, wanted

        def send_subrequest(self, connection, method, path, headers, df):
            tally.per_method[method] = tally.per_method.get(method, 0) + 1
            if df:
                tally.body_bytes += df.content_length
            tally.note(method, line=path, headers={
                talk.wire(k): talk.wire(v) for k, v in headers.items()})
            return super().send_subrequest(connection, method, path, headers,
                                           df)

    return Sender


def daemon_of(asked, log):
    """As much of the replicator as a Sender asks for."""
    class Daemon:
        conn_timeout = asked['conn_timeout']
        node_timeout = asked['timeout']
        http_timeout = asked['timeout']
        network_chunk_size = 65536
        logger = log
        _df_router = swiftdir.router(asked, log)

    return Daemon


def node_of(asked):
    host, port = asked['to'].rsplit(':', 1)
    node = {'ip': host, 'port': int(port), 'region': 1, 'zone': 1, 'id': 0,
            'replication_ip': host, 'replication_port': int(port),
            'device': asked['remote_device']}
    if asked['backend_index'] is not None:
        node['backend_index'] = asked['backend_index']
    return node


def jobs(asked, policy):
    from swift.obj.diskfile import get_data_dir
    base = os.path.join(asked['devices'], asked['device'],
                        get_data_dir(policy))
    partitions = asked['partitions']
    if partitions is None:
        partitions = [p for p in os.listdir(base) if p.isdigit()]
    for partition in sorted(partitions, key=int):
        path = os.path.join(base, partition)
        job = {'device': asked['device'], 'partition': partition,
               'policy': policy, 'path': path}
        if asked['frag_index'] is not None:
            job['frag_index'] = asked['frag_index']
        suffixes = asked['suffixes']
        if suffixes is None:
            suffixes = sorted(
                s for s in os.listdir(path)
                if len(s) == 3 and os.path.isdir(os.path.join(path, s)))
        yield job, suffixes


def extras(asked):
    """Arguments that old releases do not know, only where they are used."""
    extra = {}
    if asked['include_non_durable']:
        extra['include_non_durable'] = True
    if asked['max_objects']:
        extra['max_objects'] = asked['max_objects']
    return extra


if __name__ == '__main__':
    talk.run(main)
