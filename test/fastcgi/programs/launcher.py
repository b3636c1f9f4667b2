"""Holds a blocking listening socket and starts workers on it, as a process manager does.

Arguments: the socket's path. Lines on stdin: a command to start with the socket as fd 0. Lines on stdout: the pid of each worker.
At the end of stdin it kills the workers it has left.
"""

import shlex
import socket
import subprocess
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
workers = []
for line in iter(sys.stdin.readline, ""):
    worker = subprocess.Popen(shlex.split(line), stdin=listener.fileno(), stdout=subprocess.DEVNULL)
    workers.append(worker)
    print(worker.pid, flush=True)
for worker in workers:
    worker.kill()
    worker.wait()
