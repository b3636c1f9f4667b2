"""Applications that do what is seldom done: each page is one of them."""

import os
import signal
import sys


def application(environ, start_response):
    return pages[environ["PATH_INFO"]](environ, start_response)


def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]


def raises_from_itself(environ, start_response):
    error = ValueError("its own cause")
    raise error from error


def forks(environ, start_response):
    """The child leaves by sys.exit(), which is an exception, and passes all that is between."""
    child = os.fork()
    if child == 0:
        sys.exit(7)
    os.waitpid(child, 0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"forked"]


class FailsToClose:
    def __iter__(self):
        return iter([b"all ", b"of it"])

    def close(self):
        raise ValueError("in close")


def fails_to_close(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return FailsToClose()


def says_much(environ, start_response):
    for _ in range(40):
        environ["wsgi.errors"].write("x" * 99999 + "\n")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"said"]


def says_often(environ, start_response):
    for _ in range(1000):
        environ["wsgi.errors"].write("x")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"said"]


def takes_wakeup_fd(environ, start_response):
    """As the event loop of asyncio does it."""
    signal.set_wakeup_fd(-1)
    return plain(environ, start_response)


def passes_over_abort(environ, start_response):
    try:
        environ["wsgi.input"].read()
    except OSError:
        pass
    raise ValueError("something else")


pages = {
    "/plain": plain,
    "/raises-from-itself": raises_from_itself,
    "/forks": forks,
    "/fails-to-close": fails_to_close,
    "/says-much": says_much,
    "/says-often": says_often,
    "/takes-wakeup-fd": takes_wakeup_fd,
    "/passes-over-abort": passes_over_abort,
}
