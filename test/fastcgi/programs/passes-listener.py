"""Listens on a Unix socket, puts it on a descriptor, and becomes the command: path, fd, pid ("" for its own, as systemd has it)."""
import os
import socket
import sys

path, fd, pid, *command = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
os.dup2(listener.fileno(), int(fd))
os.set_inheritable(int(fd), True)
if fd == "3":
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=pid or str(os.getpid()))
os.execvp(command[0], command)
