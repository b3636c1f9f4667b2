#!/usr/bin/python3 -B
"""The development server, at a port that is free."""
from http.server import HTTPServer, SimpleHTTPRequestHandler

HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler).serve_forever()
