#!/usr/bin/python3 -B
"""As WSGIServer(app, bindAddress="/…/fcgi.sock").run() does."""
import os
import socket
import sys

if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    listener.accept()[0].close()
