"""Sits in the sender's seat: Swift's own ssync Sender, one session a
partition, one after the other, in one process or in several that share the
partitions, as replicator_workers would."""
import json
import os
import time

import swiftdir
import talk
import usage


def main():
    asked = talk.request()
    policy = swiftdir.use(asked['swift_dir']).get_by_index(asked['policy'])
    # Swift's daemons patch before they open a socket; timeouts rest on it.
    import eventlet
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True,
                                  thread=True)
    # What a daemon does once, at its start, comes before the clock starts.
    from swift.obj import ssync_sender  # noqa: F401
    daemon = daemon_of(asked, swiftdir.Log())
    partitions = partitions_of(asked, policy)
    processes = min(asked['processes'], len(partitions))
    talk.gate(asked)
    begun, meter = time.monotonic(), usage.Meter()
    if processes > 1:
        reports = fork(asked, daemon, policy, [partitions[n::processes]
                                               for n in range(processes)])
    else:
        reports = [send(asked, daemon, policy, partitions)]
    talk.answer(dict(total(reports), **dict(
        spent(meter, reports), wall=time.monotonic() - begun)))


def send(asked, daemon, policy, partitions):
    tally = Tally(asked['trace'])
    sender = sender_class(tally, asked['connect_pause'])
    node = node_of(asked)
    for job, suffixes in jobs(asked, policy, partitions):
        tally.partition = job['partition']
        success, in_sync = sender(daemon, node, job, suffixes,
                                  asked['check_objs'], **extras(asked))()
        tally.partitions[job['partition']] = {
            'success': bool(success), 'in_sync': len(in_sync)}
    return dict(tally.report(), errors=daemon.logger.errors,
                peak_bytes=usage.peak(usage.resource.RUSAGE_SELF))


def fork(asked, daemon, policy, shares):
    """A process for each share, and what each of them reports."""
    import eventlet.hubs
    pipes = []
    for share in shares:
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            # A hub shared with the others would wake for their sockets too.
            eventlet.hubs.use_hub()
            with os.fdopen(write, 'w') as f:
                json.dump(send(asked, daemon, policy, share), f)
            os._exit(0)
        os.close(write)
        pipes.append((pid, read))
    reports = []
    for pid, read in pipes:
        with os.fdopen(read) as f:
            text = f.read()
        os.waitpid(pid, 0)
        reports.append(json.loads(text))
    return reports


def total(reports):
    """One report of several: sums, and what is listed one after the other."""
    sums = dict(reports[0])
    for report in reports[1:]:
        for key, value in report.items():
            sums[key] = merged(sums[key], value)
    return sums


def merged(a, b):
    if isinstance(a, dict):
        return dict(a, **{k: merged(a[k], v) if k in a else v
                          for k, v in b.items()})
    if isinstance(a, bool):
        return a and b
    return None if a is None else a + b


def spent(meter, reports):
    """The resident memory of all processes; it is the parent's if he works."""
    used = meter.spent()
    if len(reports) > 1:
        used['peak_bytes'] += sum(r['peak_bytes'] for r in reports)
    return used


class Tally:
    """What went over the wire in all sessions."""

    def __init__(self, trace):
        self.partition = None
        self.partitions = {}
        self.trace = [] if trace else None
        self.offered = self.wanted = self.body_bytes = 0
        self.per_method = {}

    def note(self, kind, **event):
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
            if tally.trace is not None:
                self.note(offered, wanted)
            return offered, wanted

        def note(self, offered, wanted):
            for hash_, times in offered.items():
                line = ssync_sender.encode_missing(hash_, **times)
                tally.note('offer', hash=hash_, line=line.decode('ascii'))
            for hash_, parts in wanted.items():
                tally.note('wanted', hash=hash_,
                           line=' '.join(sorted(p for p in parts if parts[p])))

        def send_subrequest(self, connection, method, path, headers, df):
            tally.per_method[method] = tally.per_method.get(method, 0) + 1
            if df:
                tally.body_bytes += df.content_length
            if tally.trace is not None:
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


def base_of(asked, policy):
    from swift.obj.diskfile import get_data_dir
    return os.path.join(asked['devices'], asked['device'],
                        get_data_dir(policy))


def partitions_of(asked, policy):
    partitions = asked['partitions']
    if partitions is None:
        partitions = [p for p in os.listdir(base_of(asked, policy))
                      if p.isdigit()]
    return sorted(partitions, key=int)


def jobs(asked, policy, partitions):
    base = base_of(asked, policy)
    for partition in partitions:
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
