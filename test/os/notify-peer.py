"""Listens as systemd does for sd_notify: one line of JSON for each message, with the inodes of the sockets that came with it.

notify-peer.py ADDRESS: a path, or an abstract name after @. Reads nothing before a first line comes in on stdin.
"""

import array
import json
import os
import socket
import sys

address = sys.argv[1]
peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
peer.bind("\0" + address[1:] if address.startswith("@") else address)
print(json.dumps({"text": "listening", "inodes": []}), flush=True)
sys.stdin.readline()

while True:
    data, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_SPACE(4 * 16))
    descriptors = array.array("i")
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(value[: len(value) - len(value) % descriptors.itemsize])
    inodes = [os.fstat(descriptor).st_ino for descriptor in descriptors]
    print(json.dumps({"text": data.decode(), "inodes": inodes}), flush=True)
    # systemd answers BARRIER=1 by closing what came with it.
    for descriptor in descriptors:
        os.close(descriptor)
