#!/usr/bin/python3 -B
"""Waits for its database before it serves, and the database does not answer."""
import socket
import sys

database = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
database.recv(1)
