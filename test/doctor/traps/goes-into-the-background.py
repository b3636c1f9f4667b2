#!/usr/bin/python3 -B
"""A daemon of the old school: forks twice and leaves its session."""
import os
import socket

if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
while True:
    listener.accept()
