"""Serves a WSGI application (PEP 3333) as a FastCGI responder on the listening socket at fd 0, as a worker of fcgi-pm.

    python wsgi.py [--threads N] [--script-name NAME] [--lighttpd-root-fix] [--stall-timeout SECONDS] MODULE:APP

One file, the standard library only, Python 3.7 and later. Sections in brackets are those of the FastCGI 1.0 specification.
"""

import argparse
import collections
import errno
import importlib
import io
import itertools
import os
import queue
import re
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback

VERSION = 1
BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER = 1
KEEP_CONN = 1
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)

HEADER = struct.Struct(">BBHHBB")
LENGTH = struct.Struct(">I")
MOST_CONTENT = 65528  # the most of a record that keeps the next one aligned at 8 bytes
CHUNK = 65536  # how much is read at once, and how much waits in memory in either direction
MOST_PARAMS_BYTES = 1 << 20
MOST_PARAMS = 10000
MOST_ERRORS = 1 << 20  # of what is for FCGI_STDERR; all of it goes to the worker's own stderr
# A connection on which nothing is in flight has so many seconds before it is given up for others, and for our end.
IDLE_PATIENCE = 2.0
STOP_PATIENCE = 1.0
# Other workers have so many seconds to take a connection before we say that it waits.
SIBLINGS_PATIENCE = 0.02
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Ended(ConnectionError):
    """The web server sends no more, or has been silent for too long."""


class Gone(ConnectionError):
    """Nobody waits for the answer any more."""


class Interrupted(Exception):
    """A stop signal came while the main thread waited for a connection."""


def tell(text):
    """Writes to the worker's stderr. Where nobody reads that, nobody can be told."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def complain(text):
    tell("fcgi-pm: " + text + "\n")


def readable(files, seconds):
    """Those of the files that can be read, or have ended. Waits at most so long; None: as long as it takes."""
    poller = select.poll()
    for file in files:
        poller.register(file, select.POLLIN)
    ready = {fd for fd, _ in poller.poll(None if seconds is None else max(0, seconds * 1000))}
    return [file for file in files if file.fileno() in ready]


# Name-value pairs (3.4)


def read_length(data, at):
    """A length of one byte or of four, and where it ends."""
    if data[at] < 0x80:
        return data[at], at + 1
    return LENGTH.unpack_from(data, at)[0] & 0x7FFFFFFF, at + 4


def read_pairs(data):
    """The pairs, as text with a character for each byte. Pairs that are cut or malformed are never served in part."""
    at = 0
    while at < len(data):
        try:
            name_length, at = read_length(data, at)
            value_length, at = read_length(data, at)
        except (IndexError, struct.error):
            raise ValueError("the parameters end inside a length") from None
        value_at, end = at + name_length, at + name_length + value_length
        if end > len(data):
            raise ValueError("a parameter is longer than what was sent")
        yield data[at:value_at].decode("latin-1"), data[value_at:end].decode("latin-1")
        at = end


def write_pair(name, value):
    return bytes([len(name), len(value)]) + name + value


# From the web server's parameters to an environ


def environ_of(pairs, site):
    """What PEP 3333 wants of the web server's parameters. Of doubles the last counts: nginx sends its own, then the site's."""
    environ = dict(pairs)
    # A client's "Proxy:" header would pass for the setting of the same name (httpoxy).
    environ.pop("HTTP_PROXY", None)
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        sent = environ.pop("HTTP_" + name, "")
        environ[name] = environ.get(name) or sent
        if not environ[name]:
            del environ[name]
    for name, usual in USUAL.items():
        environ[name] = environ.get(name) or usual
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = paths_of(environ, site)
    environ["wsgi.version"] = (1, 0)
    environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS", "").lower() in ("on", "1", "yes") else "http"
    environ["wsgi.multithread"] = site.threads > 1
    environ["wsgi.multiprocess"] = True
    environ["wsgi.run_once"] = False
    environ["wsgi.file_wrapper"] = FileWrapper
    return environ


USUAL = {
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.0",
}


def paths_of(environ, site):
    """SCRIPT_NAME and PATH_INFO, after what the options say of them."""
    script, path = split_path(environ)
    if site.lighttpd_root_fix:
        script, path = "", script + path
    if site.script_name is not None:
        # A web server that knows the name has split the path already: /app/app is a page of the application then.
        if script != site.script_name and (path + "/").startswith(site.script_name + "/"):
            path = path[len(site.script_name) :]
        script = site.script_name
    if script == "/":
        script, path = "", path or "/"
    return script, path if script or path else "/"


def split_path(environ):
    """
    The two as the web server sent them. Where it sent no PATH_INFO at all, the rest of REQUEST_URI after SCRIPT_NAME is
    taken (Apache's ProxyPass). Where there is no rest, nobody has split the path: nginx without a line for PATH_INFO sends
    the whole of it as SCRIPT_NAME, and the application is at the root. lighttpd always splits, and leaves out what is empty.
    """
    script, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO")
    if path is not None:
        return script, path
    whole = decode_path(environ.get("REQUEST_URI", ""))
    if whole.startswith(script.rstrip("/") + "/") and whole != script:
        return script, whole[len(script.rstrip("/")) :]
    if environ.get("SERVER_SOFTWARE", "").startswith("lighttpd"):
        return script, ""
    return "", script or whole


def decode_path(uri):
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(uri.partition("?")[0]).decode("latin-1") if uri.startswith("/") else ""


# What an application finds in its environ


class Body(io.RawIOBase):
    """wsgi.input, below a buffer: the request's body, read from the connection no faster than the application reads it."""

    def __init__(self, connection, request, length):
        super().__init__()
        self.connection = connection
        self.request = request
        self.length = length  # None: until the web server says that it is the end
        self.taken = 0

    def readable(self):
        return True

    def readinto(self, target):
        if self.taken == self.length:
            return 0
        room = len(target) if self.length is None else min(len(target), self.length - self.taken)
        piece = self.connection.take_body(self.request, room)
        if not piece and self.length is not None:
            raise Ended("the body ended after %d of %d bytes" % (self.taken, self.length))
        target[: len(piece)] = piece
        self.taken += len(piece)
        return len(piece)


class Errors:
    """wsgi.errors: to FCGI_STDERR, for the web server's log, and to the worker's stderr, for fcgi-pm's."""

    def __init__(self, connection, request):
        self.connection = connection
        self.request = request

    def write(self, text):
        tell(text)
        # The thread that serves the request sends it; loggers may write from others. Far too much is not kept for that.
        if self.connection.request is self.request and self.request.errors_length < MOST_ERRORS:
            said = text.encode("utf-8", "backslashreplace")
            self.request.errors_length += len(said)
            self.request.errors.append(said)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass


class FileWrapper:
    """wsgi.file_wrapper: a file in blocks of a whole record, whatever smaller size the application suggests."""

    def __init__(self, file, size=MOST_CONTENT):
        self.file = file
        self.size = max(size, MOST_CONTENT)
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self.file.read(self.size)
        if not block:
            raise StopIteration
        return block


# The answer

STATUS = re.compile(r"[2-9][0-9][0-9]( [^\x00-\x1f\x7f]*)?\Z")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NUMBER = re.compile(r"[0-9]{1,18}\Z")
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer trailers transfer-encoding upgrade".split()
)
WITHOUT_BODY = ("204", "304")


def head_of(status, headers):
    """The head of a CGI answer without its end, and the Content-Length it declares. What could forge another is refused."""
    if not isinstance(status, str) or not STATUS.match(status):
        raise ValueError("start_response: the status has to look like '200 OK', not %r" % (status,))
    if not isinstance(headers, list):
        raise TypeError("start_response: the headers have to be a list, not %r" % (headers,))
    lines, length = ["Status: " + status], None
    for name, value in headers:
        check_header(name, value)
        if name.lower() == "content-length":
            length = int(value)
        lines.append(name + ": " + value)
    return "".join(line + "\r\n" for line in lines).encode("latin-1"), length


def check_header(name, value):
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError("start_response: a header is two strings, not %r and %r" % (name, value))
    if not TOKEN.match(name) or CONTROL.search(value):
        raise ValueError("start_response: %r: %r is no header that can be sent" % (name, value))
    if name.lower() in HOP_BY_HOP:
        raise ValueError("start_response: %s belongs to the connection, which is the web server's" % name)
    if name.lower() == "status":
        raise ValueError("start_response: Status would pass for the status itself")
    if name.lower() == "content-length" and not NUMBER.match(value):
        raise ValueError("start_response: the Content-Length %r is no number" % value)


def checked_block(block):
    if not isinstance(block, (bytes, bytearray)):
        raise TypeError("the application gave %s; the blocks of an answer have to be bytes" % type(block).__name__)
    return block


class Answer:
    """What an application answers to one request."""

    def __init__(self, connection, request):
        self.connection = connection
        self.request = request
        self.head = None
        self.has_body = True  # false where the body must not be sent
        self.declared = None  # the Content-Length
        self.left = None  # how much of it is still to come
        self.has_begun = False  # the head is on its way

    def run(self, app, environ):
        """Calls the application and sends what it gives. Returns whether the answer is whole."""
        result = app(environ, self.start_response)
        try:
            if isinstance(result, (str, bytes)):
                raise TypeError("the application returned %s; WSGI wants a list of bytes" % type(result).__name__)
            if isinstance(result, (list, tuple)):
                self.send_all(result)
            else:
                self.send_each(result)
            return self.finish()
        finally:
            if hasattr(result, "close"):
                self.close(result)

    def close(self, result):
        """What fails here is told, but does not change what the browser gets: the answer is made, or has failed before."""
        try:
            result.close()
        except BaseException as error:
            if self.connection.worker.is_copy:
                raise
            if not is_from(error, Gone):
                self.say_error(error)

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.has_begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle of references
        elif self.head is not None:
            raise RuntimeError("start_response was called a second time, without exc_info")
        self.head, self.declared = head_of(status, headers)
        self.has_body = self.request.method != "HEAD" and status[:3] not in WITHOUT_BODY
        self.may_declare = status[:3] not in WITHOUT_BODY
        self.left = self.declared
        return self.write

    def write(self, block):
        """Sends one block. Also what start_response returns, for applications of the old kind."""
        self.put(block)
        self.connection.flush()

    def send_all(self, blocks):
        """All is there already: it goes out together, with its length, and the end of the request behind it."""
        length = sum(len(checked_block(block)) for block in blocks)
        if length or self.has_body:
            self.put_head(length)
        for block in blocks:
            self.put(block)

    def send_each(self, blocks):
        """Each block is sent before the next is asked for."""
        for block in blocks:
            if self.has_begun:
                self.connection.look()
            self.write(block)
            if self.has_begun and not self.has_body:
                return

    def finish(self):
        """An answer that is shorter than it said must not look complete."""
        self.put_head(0 if self.has_body else None)
        if not self.left or not self.has_body:
            return True
        self.say("the application sent %d bytes less than its Content-Length of %d" % (self.left, self.declared))
        return False

    def put(self, block):
        if not checked_block(block):
            return
        if self.connection.request is not self.request:
            raise ValueError("the application writes after the end of its request")
        self.put_head(None)
        if not self.has_body:
            return
        if self.left is not None and len(block) > self.left:
            self.say("the application sent more than its Content-Length of %d; the rest is dropped" % self.declared)
            block = block[: self.left]
        if self.left is not None:
            self.left -= len(block)
        self.connection.put(STDOUT, self.request.number, block)

    def put_head(self, length):
        """The head goes with the first block that is not empty: until then an error can still take its place."""
        if self.head is None:
            raise RuntimeError("the application answered without a call of start_response")
        if self.has_begun:
            return
        self.has_begun = True
        declare = length is not None and self.declared is None and self.may_declare
        extra = b"Content-Length: %d\r\n" % length if declare else b""
        self.connection.put(STDOUT, self.request.number, self.head + extra + b"\r\n")

    def fail(self, error):
        """The application failed. Who still waits gets a page that says no more than that. Returns whether an answer is whole."""
        if is_from(error, Gone) or self.request.is_aborted:
            return True
        if is_from(error, Ended):
            self.say("the request cannot be answered: %s" % error)
            status = "400 Bad Request"
        else:
            self.say_error(error)
            status = "500 Internal Server Error"
        if self.has_begun:
            return False
        self.send_page(status)
        return True

    def send_page(self, status):
        page = [(status[4:] + "\n").encode()]
        self.head = None
        self.start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        self.send_all(page)

    def say_error(self, error):
        self.say("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def say(self, text):
        Errors(self.connection, self.request).write(text.rstrip("\n") + "\n")


def is_from(error, kind):
    """Is it of this kind, or did one of this kind bring it about? After `raise error from error` it is its own cause."""
    seen = []
    while error is not None and not isinstance(error, kind) and not any(error is other for other in seen):
        seen.append(error)
        error = error.__cause__ or error.__context__
    return isinstance(error, kind)


# The connection


class Request:
    """What is known of the request that is open on a connection."""

    def __init__(self, number, keeps_connection):
        self.number = number
        self.keeps_connection = keeps_connection
        self.params = bytearray()
        self.pairs = None  # all parameters, once they are there
        self.method = ""
        self.body = bytearray()  # what has come of it and is not read yet
        self.body_has_ended = False
        self.is_aborted = False
        self.errors = []  # for FCGI_STDERR
        self.errors_length = 0
        self.has_errors = False


class Connection:
    """
    One connection from a web server. A thread serves one request at a time and reads only when it needs to: at the start, when
    the application reads the body, and while the answer waits to be taken. A second request meanwhile is refused as
    CANT_MPX_CONN.
    """

    def __init__(self, connected, worker):
        connected.setblocking(False)
        self.socket = connected
        self.worker = worker
        worker.connections.add(self)
        self.unread = bytearray()  # what has come and is no complete record yet
        self.outgoing = bytearray()  # whole records, to be sent together
        self.request = None  # the one that is open
        self.number = 0  # of the last one
        self.ends = False  # after the request that is open, or that was refused
        self.owes = False  # the web server has not sent all of the last request
        self.has_ended = False  # nothing more will come
        self.is_gone = False  # nothing more can be sent

    def converse(self):
        """Serves its requests, one after the other, until either side has enough."""
        try:
            while not self.ends and not self.is_gone and self.receive_request():
                self.respond(self.request)
            self.flush()
        except (Ended, Gone):
            pass
        except Exception:  # a mistake of ours must not take the thread with it
            tell(traceback.format_exc())
        finally:
            self.close()

    def close(self):
        """What comes in unread makes the kernel send a reset, which can overtake the answer: so the rest is read first."""
        try:
            if self.owes and not self.is_gone and not self.has_ended:
                self.socket.shutdown(socket.SHUT_WR)
                until = time.monotonic() + IDLE_PATIENCE
                while readable([self.socket], until - time.monotonic()) and self.socket.recv(CHUNK):
                    pass
        except OSError:
            pass
        finally:
            self.socket.close()
            self.worker.connections.discard(self)

    # From the web server

    def receive_request(self):
        """Waits until a request has all its parameters. False: the connection is over."""
        while self.request is None or self.request.pairs is None:
            if self.ends or (self.request is None and not self.unread and not self.await_bytes()):
                return False
            self.advance()
        return True

    def await_bytes(self):
        """
        Nothing is in flight. After a while, and when the worker is to stop, a web server that keeps the connection is asked to
        close it. One that does not keeps this thread from others: when another connection still waits after all siblings could
        have taken it, this one is given up.
        """
        self.flush()
        worker, waits = self.worker, readable([self.socket, self.worker.stop_reader], IDLE_PATIENCE)
        if not waits:
            self.ask_to_close()
        while not waits:
            waits = readable([self.socket, worker.stop_reader, worker.listener], None)
            if waits == [worker.listener]:
                waits = readable([self.socket, worker.stop_reader], SIBLINGS_PATIENCE)
                if not waits and readable([worker.listener], 0):
                    return False
        if self.socket in waits:
            return True
        self.ask_to_close()
        return bool(readable([self.socket], STOP_PATIENCE))

    def ask_to_close(self):
        """
        Who closes first may cross the web server's next request. An empty FCGI_STDERR means nothing to a request that is just
        coming; without one nginx does not expect it, and closes.
        """
        if self.number:
            self.put_record(STDERR, self.number, b"")
            self.flush()

    def advance(self):
        """Takes the next record, and waits for it."""
        record = self.take_record()
        while record is None:
            self.fill()
            record = self.take_record()
        self.dispatch(*record)

    def fill(self):
        """Reads some bytes, and waits for them."""
        while not self.has_ended:
            try:
                data = self.socket.recv(CHUNK)
            except BlockingIOError:
                self.flush()
                if readable([self.socket], self.worker.site.stall_timeout):
                    continue
                raise Ended("the web server was silent for %g s" % self.worker.site.stall_timeout) from None
            except OSError:
                data = b""
            if data:
                self.unread += data
                return
            self.has_ended = True
        raise Ended("the web server closed the connection")

    def look(self):
        """Takes what has come, without waiting: an abort may be among it."""
        if not self.has_room():
            return
        try:
            data = self.socket.recv(CHUNK)
            self.unread += data
            # One that has only ended its side may still read. Whether it does is seen when something is sent.
            self.has_ended = not data
        except BlockingIOError:
            pass
        except OSError:
            self.has_ended = True
        record = self.take_record()
        while record is not None:
            self.dispatch(*record)
            record = self.take_record()

    def has_room(self):
        body = len(self.request.body) if self.request else 0
        return not self.has_ended and body + len(self.outgoing) < CHUNK

    def is_aborted(self):
        return self.request is not None and self.request.is_aborted

    def heed_abort(self):
        if self.is_aborted():
            raise Gone("the web server gave the request up")

    def take_record(self):
        """The next record, if it has come: its type, its id, its content (3.3)."""
        if len(self.unread) < HEADER.size:
            return None
        version, kind, number, length, padding, _ = HEADER.unpack_from(self.unread)
        if version != VERSION:
            self.break_off("a record of version %d" % version)
        end = HEADER.size + length + padding
        if len(self.unread) < end:
            return None
        content = self.unread[HEADER.size : HEADER.size + length]
        del self.unread[:end]
        return kind, number, content

    def dispatch(self, kind, number, content):
        """Records of a request that has ended or was refused are ignored (3.3), and so are types that are not for us."""
        if number == 0:
            self.manage(kind, bytes(content))
        elif kind == BEGIN_REQUEST:
            self.begin(number, content)
        elif self.request is not None and self.request.number == number:
            if kind == PARAMS:
                self.take_params(self.request, content)
            elif kind == STDIN:
                self.take_stdin(self.request, content)
            elif kind == ABORT_REQUEST:
                self.abort(self.request)
        elif number == self.number and kind == STDIN and not content:
            self.owes = False

    def manage(self, kind, content):
        """Management records (4). The numbers are those of this process, which knows of no other."""
        if kind != GET_VALUES:
            self.put_record(UNKNOWN_TYPE, 0, bytes([kind]) + bytes(7))
            return
        threads = b"%d" % self.worker.site.threads
        known = {"FCGI_MAX_CONNS": threads, "FCGI_MAX_REQS": threads, "FCGI_MPXS_CONNS": b"0"}
        asked = {name for name, _ in self.read_pairs(content)}
        values = [write_pair(name.encode(), value) for name, value in known.items() if name in asked]
        self.put_record(GET_VALUES_RESULT, 0, b"".join(values))

    def read_pairs(self, data):
        """One more than the most that are served, at the most."""
        try:
            return list(itertools.islice(read_pairs(data), MOST_PARAMS + 1))
        except ValueError as error:
            self.break_off(error)

    def break_off(self, why):
        self.is_gone = True
        complain("a connection was closed, since the web server broke the protocol: %s" % why)
        raise Gone("the web server broke the protocol")

    def begin(self, number, content):
        """FCGI_BEGIN_REQUEST (5.1)."""
        if len(content) < 8 or (self.request is not None and self.request.number == number):
            self.break_off("the beginning of request %d is too short, or comes twice" % number)
        role, keeps = content[0] << 8 | content[1], bool(content[2] & KEEP_CONN)
        if self.request is not None:
            self.put_end(number, CANT_MPX_CONN)
            return
        self.number, self.owes = number, True
        if role == RESPONDER:
            self.request = Request(number, keeps)
        else:
            self.refuse(number, keeps, UNKNOWN_ROLE)

    def refuse(self, number, keeps, status):
        """The rest of that request is ignored, and the connection goes on as was wished."""
        self.request = None
        self.put_end(number, status)
        self.ends = not keeps

    def take_params(self, request, content):
        """FCGI_PARAMS (5.2): one stream of bytes; pairs may cross records."""
        if request.pairs is not None:
            return
        request.params += content
        if len(request.params) > MOST_PARAMS_BYTES:
            self.refuse(request.number, request.keeps_connection, OVERLOADED)
        elif not content:
            pairs = self.read_pairs(bytes(request.params))
            if len(pairs) > MOST_PARAMS:
                self.refuse(request.number, request.keeps_connection, OVERLOADED)
            request.pairs, request.params = pairs, None

    def take_stdin(self, request, content):
        """FCGI_STDIN (5.3)."""
        request.body_has_ended = request.body_has_ended or not content
        self.owes = not request.body_has_ended
        request.body += content
        if request.pairs is None and len(request.body) > CHUNK:
            self.break_off("a body that comes before its parameters")

    def abort(self, request):
        """FCGI_ABORT_REQUEST (5.4). In the middle of the parameters there is nobody yet to be told."""
        request.is_aborted = True
        if request.pairs is None:
            self.request = None
            self.put_end(request.number, REQUEST_COMPLETE)
            self.ends = not request.keeps_connection

    def take_body(self, request, most):
        """At most so much of the body; nothing at its end."""
        while not request.body and not request.body_has_ended:
            if self.request is not request:
                raise ValueError("wsgi.input is read after the end of its request")
            self.advance()
            self.heed_abort()
        piece = request.body[:most]
        del request.body[:most]
        return piece

    # The application's part

    def respond(self, request):
        """Has the application answer a request, and ends it."""
        environ = environ_of(request.pairs, self.worker.site)
        request.method = environ["REQUEST_METHOD"]
        length = environ.get("CONTENT_LENGTH")
        answer = Answer(self, request)
        try:
            if length is None or NUMBER.match(length):
                environ["wsgi.input"] = io.BufferedReader(Body(self, request, None if length is None else int(length)))
                # It ends where the body does, whether a length was sent or not; Werkzeug wants to be told.
                environ["wsgi.input_terminated"] = length is None
                environ["wsgi.errors"] = Errors(self, request)
                is_whole = answer.run(self.worker.site.app, environ)
            else:
                is_whole = answer.fail(Ended("its CONTENT_LENGTH is %r" % length))
        except BaseException as error:  # sys.exit() in a view ends the request, not the worker
            if self.worker.is_copy:
                raise
            is_whole = answer.fail(error)
        if is_whole or request.is_aborted or self.is_gone:
            self.end(request)
        else:
            self.cut(request)

    def cut(self, request):
        """An answer stops in the middle. Web servers pass over an application status; that the connection ends without
        FCGI_END_REQUEST they do not overlook, and the browser learns that it has not got everything."""
        self.put_errors(request)
        self.request = None
        self.ends = True
        self.flush()

    def end(self, request):
        """The end of each stream that was used, then FCGI_END_REQUEST (5.5), in one piece with what is still to be sent."""
        self.settle(request)
        if not self.is_gone and not request.is_aborted:
            self.put_errors(request)
            if request.has_errors:
                self.put_record(STDERR, request.number, b"")
            self.put_record(STDOUT, request.number, b"")
        self.request = None
        self.ends = not request.keeps_connection
        if not self.is_gone:
            self.put_end(request.number, REQUEST_COMPLETE)
            self.flush()

    def settle(self, request):
        """Often the end of the body is there already, unread."""
        record = None if request.body_has_ended or self.is_gone else self.take_record()
        while record is not None:
            self.dispatch(*record)
            record = None if request.body_has_ended else self.take_record()

    # To the web server

    def put(self, kind, number, content):
        """Some of a stream, in records; what is more than a chunk is sent at once."""
        self.heed_abort()
        if kind == STDOUT and self.request is not None:
            self.put_errors(self.request)
        view = memoryview(content)
        for at in range(0, len(view), MOST_CONTENT):
            self.put_record(kind, number, view[at : at + MOST_CONTENT])
            if len(self.outgoing) > CHUNK:
                self.flush()

    def put_errors(self, request):
        if request.errors:
            request.has_errors = True
            errors = request.errors[:]
            del request.errors[: len(errors)]  # others may have appended some meanwhile
            request.errors_length = 0
            self.put(STDERR, request.number, b"".join(errors))

    def put_record(self, kind, number, content):
        padding = -len(content) % 8
        self.outgoing += HEADER.pack(VERSION, kind, number, len(content), padding, 0)
        self.outgoing += content
        self.outgoing += bytes(padding)

    def put_end(self, number, status):
        self.put_record(END_REQUEST, number, bytes([0, 0, 0, 0, status, 0, 0, 0]))

    def flush(self):
        """Sends what is to be sent. What comes in meanwhile is taken, so that two who both write do not wait for each other."""
        while self.outgoing and not self.is_gone:
            view, self.outgoing = memoryview(self.outgoing), bytearray()
            while view:
                view = view[self.send(view) :]
                if view and self.is_aborted():
                    self.outgoing = bytearray(view) + self.outgoing  # the record that was begun has to end
                    self.heed_abort()
        if self.is_gone:
            raise Gone("the web server closed the connection")
        self.heed_abort()

    def send(self, view):
        try:
            return self.socket.send(view)
        except BlockingIOError:
            self.wait_to_send()
            return 0
        except OSError as error:
            self.is_gone = True
            raise Gone("the web server closed the connection") from error

    def wait_to_send(self):
        self.look()
        if self.is_aborted():
            return
        poller = select.poll()
        poller.register(self.socket, select.POLLOUT | (select.POLLIN if self.has_room() else 0))
        if not poller.poll(self.worker.site.stall_timeout * 1000):
            self.is_gone = True
            raise Gone("the web server took nothing for %g s" % self.worker.site.stall_timeout)


# The process

Site = collections.namedtuple("Site", "app threads script_name lighttpd_root_fix stall_timeout")


class Worker:
    """
    The main thread takes connections, for only there Python's signal handlers run: it takes one when it, or one of the
    threads, has the time to serve it, so that what waits is for the siblings who share the listener.
    """

    def __init__(self, site, listener):
        self.site = site
        self.listener = listener
        self.web_servers = web_servers(os.environ.get("FCGI_WEB_SERVER_ADDRS", ""))
        self.has_refused = False
        self.accepted = collections.deque()
        self.connections = set()
        self.is_stopping = False
        self.is_copy = False  # a child that the application has forked
        self.heard = threading.Event()
        self.may_interrupt = False
        self.stop_reader, self.stop_writer = (os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb")))

    def serve(self):
        """Until a stop signal; then what is in flight is finished."""
        repeater = self.heed_signals()
        if self.site.threads == 1:
            for connected in iter(self.accept, None):
                Connection(connected, self).converse()
        else:
            self.serve_with_threads()
        # While the interpreter ends, a signal would kill it, and old ones crash over threads and files that are left (3.9).
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        repeater.join()
        for file in (self.listener, self.stop_reader, self.stop_writer):
            file.close()

    def serve_with_threads(self):
        free, handed = threading.Semaphore(self.site.threads), queue.SimpleQueue()

        def serve():
            for connected in iter(handed.get, None):
                Connection(connected, self).converse()
                free.release()

        threads = [threading.Thread(target=serve, daemon=True) for _ in range(self.site.threads)]
        for thread in threads:
            thread.start()
        connected = True
        while connected:
            free.acquire()
            connected = self.accept()
            handed.put(connected)
        for _ in threads:
            handed.put(None)
        for thread in threads:
            thread.join()

    # Connections

    def accept(self):
        """The next connection; None when it is time to stop."""
        connected = None
        while connected is None:
            self.wait_for_connection()
            if not self.accepted:
                return None
            connected = self.admit(*self.accepted.popleft())
        return connected

    def wait_for_connection(self):
        """The handler raises while we wait, since Python would go on waiting after it."""
        while not self.accepted and not self.is_stopping:
            try:
                self.may_interrupt = True
                if not self.is_stopping:
                    self.take()
                self.may_interrupt = False
            except Interrupted:
                pass

    def take(self):
        """
        A handler may raise at any moment, just after accept() has returned as well: the connection would be lost. This way it
        goes from accept() into the queue in one step of the interpreter. Without `accept` as Python has it, there is no other
        way: the listener is shared, so it cannot be made non-blocking, and who polls it first may find that a sibling was faster.
        """
        try:
            self.accepted.extend(itertools.islice(iter(self.listener._accept, None), 1))
        except BlockingIOError:  # somebody who shares the listener has set O_NONBLOCK
            readable([self.listener], None)
        except OSError as error:
            if error.errno in (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP):
                raise SystemExit("fcgi-pm: cannot accept connections any more: %s" % error)
            time.sleep(0.05)  # out of descriptors or memory, or a connection that has gone already

    def admit(self, fd, address):
        """FCGI_WEB_SERVER_ADDRS (3.2) is for TCP. Who is not in it is told once, not to fill our log."""
        connected = socket.socket(fileno=fd)
        if connected.family == socket.AF_UNIX:
            return connected
        if self.web_servers and plain(address[0]) not in self.web_servers:
            connected.close()
            if not self.has_refused:
                complain("cannot serve %s: it is not in FCGI_WEB_SERVER_ADDRS" % address[0])
            self.has_refused = True
            return None
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    # Signals

    def heed_signals(self):
        """
        A signal that comes just before accept() blocks would be heard only with the next connection. So its number also goes
        through a pipe to a thread, which repeats it until it has been heard.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        self.signal_writer = writer
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self.stop)
        os.register_at_fork(after_in_child=self.forget)
        repeater = threading.Thread(target=self.repeat_signals, args=(reader,), daemon=True)
        repeater.start()
        return repeater

    def stop(self, number, _frame):
        if not self.is_stopping:
            self.is_stopping = True
            self.stop_writer.write(b"!")
            self.heard.set()
            self.wake_repeater(number)
        if self.may_interrupt:
            self.may_interrupt = False
            raise Interrupted

    def wake_repeater(self, number):
        """It is waited for at the end, and an application may have taken the pipe away, as event loops do."""
        try:
            os.write(self.signal_writer, bytes([number]))
        except BlockingIOError:
            pass  # there is enough in it

    def repeat_signals(self, reader):
        number, pause = 0, 0.02
        while number not in STOP_SIGNALS:
            number = os.read(reader, 1)[0]
        while not self.heard.wait(pause):
            signal.pthread_kill(threading.main_thread().ident, number)
            pause = min(2 * pause, 1)

    def forget(self):
        """
        A child that the application forks is no worker: its signals are its own, and neither the listener nor the connections are
        its business. Without that its sys.exit() would be answered, on the connection of the request that its parent answers.
        """
        self.is_copy = True
        for connection in list(self.connections):
            connection.socket.close()
        signal.set_wakeup_fd(-1)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        self.listener.close()


def web_servers(text):
    return {plain(address) for address in text.split(",") if address.strip()}


def plain(address):
    """A listener on `::` sees 10.0.0.1 as ::ffff:10.0.0.1."""
    return re.sub(r"^::ffff:(?=\d+\.)", "", address.strip().lower())


# The application


# Of a function: it has a parameter *args; it is written with `async def`.
CO_VARARGS, CO_COROUTINE = 0x04, 0x80


class NotFound(Exception):
    """The module is there, and what was asked of it is not."""


def load(target):
    """`module:app`, `module:package.app`, `module:create_app()`, or the path of a file in the place of the module."""
    name, _, expression = target.partition(":")
    # `mysite.wsgi` is a file, or what Django calls the module in mysite/wsgi.py.
    module = load_file(name) if "/" in name or os.path.isfile(name) else importlib.import_module(name)
    if expression:
        app = evaluate(module, expression)
    else:
        app = getattr(module, "application", None) or getattr(module, "app", None)
    if not callable(app):
        raise NotFound(describe_missing(module, expression))
    refuse_other(app, target)
    return app


def describe_missing(module, expression):
    """With the names that could be meant."""
    wanted = expression or "application, or app"
    names = [name for name, value in vars(module).items() if callable(value) and is_of(module, value)]
    said = "what can be called in it: %s" % ", ".join(names) if names else "nothing in it can be called"
    where = module.__file__ or module.__name__
    makers = [":%s()" % name for name in names if name in ("create_app", "make_app")]
    # A project of Django, by its package.
    has_wsgi = os.path.basename(where) == "__init__.py" and os.path.exists(os.path.join(os.path.dirname(where), "wsgi.py"))
    better = makers or ([".wsgi"] if has_wsgi else [])
    advice = "; try %s%s" % (module.__name__, better[0]) if better else ""
    return "%s has no %s that can be called; %s%s" % (where, wanted, said, advice)


def is_of(module, value):
    """Not what the module has imported. Flask's `request` and its like fail when they are looked at outside of a request."""
    try:
        return not hasattr(value, "__qualname__") or value.__module__ == module.__name__
    except Exception:
        return False


def refuse_other(app, target):
    """What cannot be called with (environ, start_response) would get ready, and answer each request with 500."""
    is_function = isinstance(app, type(refuse_other))
    function = app if is_function else getattr(type(app), "__call__", None)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    if code.co_flags & CO_COROUTINE:
        raise NotFound("it is async, an ASGI application; what is served here is WSGI")
    most = code.co_argcount - (0 if is_function else 1)
    least = most - len(function.__defaults__ or ())
    if least > 2 or (most < 2 and not code.co_flags & CO_VARARGS):
        words = "it cannot be called with (environ, start_response); if it makes the application: %s()"
        raise NotFound(words % target)


def load_file(path):
    """A file of any name as a module, as if it had been imported from its own directory."""
    from importlib import util
    from importlib.machinery import SourceFileLoader

    path = os.path.abspath(path)
    sys.path.insert(0, os.path.dirname(path))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = util.spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
    module = sys.modules[name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(module, expression):
    """A name with dots, or a call of one with literals."""
    import ast

    try:
        tree = ast.parse(expression, mode="eval").body
        call = tree if isinstance(tree, ast.Call) else None
        names = names_of(call.func if call else tree)
        arguments = [ast.literal_eval(argument) for argument in call.args] if call else []
        options = {option.arg: ast.literal_eval(option.value) for option in call.keywords} if call else {}
    except (SyntaxError, ValueError):
        raise NotFound("%r is neither a name nor a call with plain values" % expression) from None
    found = module
    for name in names:
        found = getattr(found, name, None)
    if call is None or found is None:
        return found
    app = found(*arguments, **options)
    if not callable(app):
        what = "None" if app is None else "an object of the type %s" % type(app).__name__
        raise NotFound("%s returned %s, which is no application" % (expression, what))
    return app


def names_of(tree):
    import ast

    if isinstance(tree, ast.Attribute):
        return names_of(tree.value) + [tree.attr]
    if isinstance(tree, ast.Name):
        return [tree.id]
    raise ValueError


def load_or_exit(target):
    """What a person needs to see why it works at his own prompt and not here stands in one line, below the traceback."""
    try:
        return load(target)
    except NotFound as error:
        complain("cannot load %s: %s" % (target, error))
    except BaseException:
        tell(traceback.format_exc())
    complain("cannot load %s as %s" % (target, circumstances()))
    raise SystemExit(1)


def circumstances():
    import pwd

    uid = os.getuid()
    try:
        user = "%s (%d)" % (pwd.getpwuid(uid).pw_name, uid)
    except KeyError:
        user = str(uid)
    version = ".".join(map(str, sys.version_info[:3]))
    paths = (user, os.getcwd(), sys.executable, version, sys.path)
    return "user %s, in the directory %s, with %s (Python %s), sys.path %s" % paths


# The start


def read_arguments():
    parser = argparse.ArgumentParser(prog="wsgi.py", description="Serves a WSGI application as a worker of fcgi-pm.")
    parser.add_argument("--threads", type=number_of_threads, default=1, metavar="N", help="requests at a time (1)")
    parser.add_argument("--script-name", type=script_name, metavar="NAME", help="SCRIPT_NAME, whatever is sent")
    parser.add_argument("--lighttpd-root-fix", action="store_true", help="PATH_INFO is SCRIPT_NAME + PATH_INFO")
    parser.add_argument("--stall-timeout", type=float, default=300.0, metavar="SECONDS", help="for a silent web server (300)")
    parser.add_argument("application", metavar="MODULE:APP", help="the module and the name of the application in it")
    return parser.parse_args()


def number_of_threads(text):
    if not NUMBER.match(text) or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("%r is no number from 1 to 1000" % text)
    return int(text)


def script_name(text):
    if text and (not text.startswith("/") or text.endswith("/")):
        raise argparse.ArgumentTypeError("%r has to be empty, or to begin with a slash and end without one" % text)
    return text


def open_standard_streams():
    """fd 1 and 2 may be closed (2.2). Before a connection gets their numbers, and the next message with it, they are opened."""
    for fd, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            if null != fd:
                os.dup2(null, fd)
                os.close(null)
            setattr(sys, name, os.fdopen(fd, "w", 1, errors="backslashreplace"))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)


def take_listener():
    """
    The listening socket of fd 0, on a descriptor of its own: programs that the application starts find /dev/null on fd 0, and do
    not keep the listener when they outlive us. None where there is no such socket. To be called before the application is
    loaded: where it sets a default timeout, each new socket object makes its socket non-blocking, for all who share it.
    """
    try:
        with socket.socket(fileno=os.dup(0)) as there:
            listener = there.dup() if there.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else None
    except OSError:
        return None
    if listener is not None:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    return listener


def put_directory_first():
    """The current directory, where an interpreter puts that of this file. (It puts nothing there with -P or -I.)"""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.getcwd()] + [path for path in sys.path if os.path.abspath(path or ".") != here]


def main():
    open_standard_streams()
    options = read_arguments()
    listener = take_listener()
    put_directory_first()
    app = load_or_exit(options.application)
    if listener is None:
        complain("%s is there, but fd 0 is no listening socket" % options.application)
        complain("  try: fcgi-pm start --wsgi %s --socket /tmp/app.sock" % options.application)
        raise SystemExit(1)
    site = Site(app, options.threads, options.script_name, options.lighttpd_root_fix, options.stall_timeout)
    Worker(site, listener).serve()


if __name__ == "__main__":
    main()
