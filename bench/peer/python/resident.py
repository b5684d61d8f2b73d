"""Stays, with Swift imported once for one swift directory, and forks for each
thing that it is asked: a line of JSON names a script of ours, its request, and
the files for its answer and for what it says on its standard error. One line
tells that the script runs, {"id", "pid"}, and one how it ended, {"id", "status"}.

It has no threads and no hub of eventlet's, so that a fork has all that it needs.
"""
import importlib
import json
import os
import signal
import sys
import traceback

import swiftdir
import talk


def main():
    asked = json.loads(sys.stdin.buffer.readline())
    tidings = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)   # nobody waits for watchers
    swiftdir.use(asked['swift_dir'])
    import eventlet     # patched as for a daemon: once, since it takes its time
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True,
                                  thread=True)
    from swift.obj import auditor, replicator   # noqa: F401
    for line in iter(sys.stdin.buffer.readline, b''):
        if not os.fork():
            watch(json.loads(line), tidings)
    os.killpg(0, signal.SIGKILL)        # the starter is gone: so are all of us


def watch(asked, tidings):
    """Waits for the script, whatever becomes of it, and tells its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        os._exit(work(asked))
    tell(tidings, id=asked['id'], pid=pid)
    tell(tidings, id=asked['id'], status=os.waitpid(pid, 0)[1])
    os._exit(0)


def tell(tidings, **what):
    os.write(tidings, (json.dumps(what) + '\n').encode('ascii'))   # in one piece


def work(asked):
    log = os.open(asked['log'], os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    talk.given(asked['request'], asked['answer'])
    try:
        importlib.import_module(asked['script']).main()
        return 0
    except BaseException as err:
        if isinstance(err, SystemExit):
            print(err, file=sys.stderr)
        else:
            traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()


if __name__ == '__main__':
    main()
