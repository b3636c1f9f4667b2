#!/usr/bin/python3 -B
"""As the deployment guides have it, with an address behind it or without."""
import sys

from flup.server.fcgi import WSGIServer


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        WSGIServer(app, bindAddress=sys.argv[1]).run()
    else:
        WSGIServer(app).run()
