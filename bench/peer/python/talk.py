"""How a helper talks with the Go program that started it.

The request is one line of JSON on standard input, the answer one line on what
was standard output. Bytes travel as text: each character of a JSON string is
one byte, as in Swift's own WSGI strings.

Standard input stays open as long as the starter lives. Its end, at whatever
moment and for whatever reason, is the end of the helper and of all that it
has started: nothing is left behind by a test that was killed. Another line on
it lets a helper go on that waits at the gate.
"""
import _thread
import json
import os
import signal
import sys

_answers = None
_given = None
_gate = _thread.allocate_lock()     # now: eventlet may replace locks later


def request():
    """Reads the request and starts to listen for the starter's end."""
    global _answers
    if _given is not None:
        return _given
    line = sys.stdin.buffer.readline()
    if not line:
        raise SystemExit('no request on standard input')
    # What Swift prints must not end up between the answers.
    _answers = os.fdopen(os.dup(1), 'w', encoding='ascii')
    os.dup2(2, 1)
    _gate.acquire()
    # A copy, since a Swift daemon puts /dev/null in place of descriptor 0; the
    # plain os.read, since eventlet may replace it later.
    _thread.start_new_thread(_outlive_nobody, (os.dup(0), os.read))
    return json.loads(line)


def given(asked, path):
    """In a fork of the resident, who listens himself: what is asked, and the
    file for the answer."""
    global _answers, _given
    _given, _answers = asked, open(path, 'w', encoding='ascii')


def answer(value):
    """Writes one answer."""
    json.dump(value, _answers)
    _answers.write('\n')
    _answers.flush()


def run(main):
    """Runs a helper that gives one answer, and ends it without the
    interpreter's own farewell: while our thread waits for the starter's end,
    greenlet 2.0.2 now and then crashes in it."""
    main()
    sys.stderr.flush()
    os._exit(0)


def gate(asked):
    """Where the starter wants to measure: tells it that all is prepared, and
    waits until it says go."""
    if asked['gate']:
        answer({'pid': os.getpid()})
        _gate.acquire()


def _outlive_nobody(lifeline, read):
    while read(lifeline, 1):
        if _gate.locked():
            _gate.release()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)     # started by hand, in somebody else's group


def utf8(text):
    """A name as Swift keeps it in memory, of the characters of a request."""
    return text.encode('latin-1').decode('utf-8', 'surrogateescape')


def wire(value):
    """The characters for an answer, of a metadata value in Swift's memory.

    A WSGI string is that already. Anything wider can only be text that some
    other writer stored, and goes as its UTF-8 bytes.
    """
    if not isinstance(value, str):
        return '%s(%r)' % (type(value).__name__, value)
    try:
        value.encode('latin-1')
        return value
    except UnicodeEncodeError:
        return stored(value)


def stored(value):
    """The characters for an answer, of the bytes that lie on the disk."""
    if not isinstance(value, str):
        return '%s(%r)' % (type(value).__name__, value)
    return value.encode('utf-8', 'surrogateescape').decode('latin-1')
