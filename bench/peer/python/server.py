"""Runs Swift's object server until it is told to stop.

Answers {"host", "port"} once every worker accepts connections.
"""
import _thread
import os
import pwd
import socket
import sys

import swiftdir
import talk


def main():
    asked = talk.request()
    held, (host, port) = reserve(asked['host'], asked['port'])
    announce({'host': host, 'port': port})
    conf = write_conf(asked, host, port)
    swiftdir.use(asked['swift_dir'])
    from swift.common.wsgi import run_wsgi
    from swift.obj import server
    sys.argv[0] = 'swift-object-server'
    status = run_wsgi(conf, 'object-server', verbose=True,
                      global_conf_callback=server.global_conf_callback)
    held.close()
    return status


def reserve(host, port):
    """Binds the address without listening on it, for as long as we run.

    Swift binds with SO_REUSEPORT, so that a second server on the port would
    get half of the requests and nobody an error. Whoever holds the address
    already is found by binding without it; and a port of the kernel's choice
    is nobody else's from here on. Connections go to listeners only.
    """
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held, held.getsockname()


def announce(address):
    """Answers when Swift tells its service manager that it is ready."""
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind('')    # the kernel picks a name in the abstract namespace
    os.environ['NOTIFY_SOCKET'] = '@' + notices.getsockname()[1:].decode()

    def wait():
        notices.recv(64)
        talk.answer(address)

    _thread.start_new_thread(wait, ())


def write_conf(asked, host, port):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        'object-server.conf')
    options = {'bind_ip': host, 'bind_port': port,
               'workers': asked['workers'],
               'user': pwd.getpwuid(os.geteuid()).pw_name,
               'swift_dir': os.path.abspath(asked['swift_dir']),
               'replication_concurrency': 0,
               'replication_concurrency_per_device': 0}
    options.update(swiftdir.diskfile_conf(asked))
    options.update(asked['set'] or {})
    with open(path, 'w') as f:
        f.write('[DEFAULT]\n')
        f.writelines('%s = %s\n' % item for item in sorted(options.items()))
        f.write('[pipeline:main]\npipeline = object-server\n'
                '[app:object-server]\nuse = egg:swift#object\n')
    return path


if __name__ == '__main__':
    sys.exit(main())
