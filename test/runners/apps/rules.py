"""One WSGI application with a page for each rule that the tests of the runner ask about."""
import hashlib
import io
import json
import os
import sys
import time
from urllib.parse import parse_qsl
from wsgiref.validate import validator

PAGES = {}


def page(function):
    PAGES["/" + function.__name__.replace("_", "-")] = function
    return function


def application(environ, start_response):
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    return PAGES.get(environ["PATH_INFO"], environ_page)(environ, start_response, query)


class Blocks:
    """An answer block by block that says on stderr when it is closed."""

    def __init__(self, blocks):
        self.blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        tell("closed")


def tell(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def wait_for(path):
    tell("waits")
    while not os.path.exists(path):
        time.sleep(0.005)


def text(start_response, *more, status="200 OK"):
    start_response(status, [("Content-Type", "text/plain"), *more])


def environ_page(environ, start_response, _query):
    start_response("200 OK", [("Content-Type", "application/json")])
    plain = {name: value for name, value in environ.items() if isinstance(value, (str, bool, int, tuple))}
    return [json.dumps(plain).encode()]


@page
def body(environ, start_response, query):
    stream = environ["wsgi.input"]
    ways = {
        "read": lambda: stream.read(int(environ.get("CONTENT_LENGTH") or -1)),
        "all": lambda: stream.read(),
        "pieces": lambda: b"".join(iter(lambda: stream.read(1000), b"")),
        "readline": lambda: b"|".join(iter(stream.readline, b"")),
        "shortline": lambda: b"|".join(iter(lambda: stream.readline(3), b"")),
        "readlines": lambda: b"|".join(stream.readlines()),
        "lines": lambda: b"|".join(stream),
    }
    answer = ways[query.get("how", "read")]()
    text(start_response)
    return [answer]


@page
def digest(environ, start_response, query):
    sha, size = hashlib.sha1(), 0
    for block in iter(lambda: environ["wsgi.input"].read(65536), b""):
        sha.update(block)
        size += len(block)
        if size == len(block) and "gate" in query:
            wait_for(query["gate"])
    text(start_response)
    return [("%d %s" % (size, sha.hexdigest())).encode()]


@page
def ignores_body(_environ, start_response, _query):
    text(start_response)
    return [b"not read"]


@page
def stream(_environ, start_response, query):
    """`gate` is waited for after the first block; `fail` raises after the last."""

    def blocks():
        yield b""
        yield b"one\n"
        if "gate" in query:
            wait_for(query["gate"])
        yield b"two\n"
        if "fail" in query:
            raise KeyError("late")

    text(start_response)
    return Blocks(blocks())


@page
def endless(_environ, start_response, query):
    def blocks():
        while True:
            yield b"x" * int(query.get("size", 65536))

    text(start_response)
    return Blocks(blocks())


@page
def starts_late(_environ, start_response, _query):
    text(start_response)
    yield b"late"


@page
def written(_environ, start_response, _query):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"a")
    write(b"b")
    return [b"c"]


@page
def blocks(_environ, start_response, query):
    """A list of `count` blocks of `size` bytes."""
    text(start_response)
    return [b"x" * int(query.get("size", 1))] * int(query.get("count", 1))


@page
def status(_environ, start_response, query):
    start_response(query["line"], [])
    return Blocks([b"dropped"] if "body" in query else [])


@page
def header(_environ, start_response, query):
    text(start_response, (query["name"], query["value"]))
    return [b"sent"]


@page
def declares(_environ, start_response, query):
    """A Content-Length of `length`, and so much more or less as `size` says."""
    text(start_response, ("Content-Length", query["length"]))
    return Blocks([b"x" * int(query["size"])])


@page
def file(environ, start_response, query):
    text(start_response)
    return environ["wsgi.file_wrapper"](open(query["path"], "rb"), 1000)


@page
def errors(environ, start_response, _query):
    environ["wsgi.errors"].write("watch out\n")
    environ["wsgi.errors"].writelines(["gr\u00fc\u00df\n"])
    environ["wsgi.errors"].flush()
    text(start_response)
    return [b"said"]


@page
def raises(_environ, start_response, _query):
    raise LookupError("no such thing")


@page
def exits(_environ, _start_response, _query):
    sys.exit(3)


@page
def recovers(_environ, start_response, query):
    text(start_response)
    try:
        raise LookupError("no such thing")
    except LookupError:
        start_response("503 Later", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"later"]


@page
def recovers_too_late(_environ, start_response, _query):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"begun")
    try:
        raise LookupError("no such thing")
    except LookupError:
        start_response("503 Later", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"never"]


@page
def silent(_environ, _start_response, _query):
    return [b"no head"]


@page
def twice(_environ, start_response, _query):
    text(start_response)
    text(start_response)
    return [b""]


@page
def returns_text(_environ, start_response, _query):
    text(start_response)
    return "text"


@page
def mixes_text(_environ, start_response, _query):
    text(start_response)
    return [b"bytes", "text"]


@page
def waits(_environ, start_response, query):
    wait_for(query["gate"])
    text(start_response)
    return [("%d" % os.getpid()).encode()]


@page
def memory(_environ, start_response, _query):
    with open("/proc/self/status") as lines:
        peak = [line for line in lines if line.startswith("VmHWM")]
    text(start_response)
    return [peak[0].split()[1].encode()]


@page
def child(_environ, start_response, query):
    """Forks a child that waits, and tells its pid; `reads` runs a program that reads its stdin."""
    text(start_response)
    if "reads" in query:
        import subprocess

        return [subprocess.run(["cat"], stdout=subprocess.PIPE).stdout + b"nothing to read"]
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return [("%d" % pid).encode()]


@page
def slow(_environ, start_response, _query):
    time.sleep(0.002)
    text(start_response)
    return [("%d" % os.getpid()).encode()]


checked = validator(application)


class Site:
    application = staticmethod(application)


site = Site()


def create_app(name="world", greeting="hello"):
    def app(environ, start_response):
        text(start_response)
        return [("%s, %s" % (greeting, name)).encode()]

    return app


not_callable = io.BytesIO()
