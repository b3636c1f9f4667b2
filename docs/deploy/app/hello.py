"""The application of this example: any WSGI application does."""

import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    path = environ.get("PATH_INFO", "")
    return [f"hello from {path}, pid {os.getpid()}, user {os.getuid()}\n".encode()]
