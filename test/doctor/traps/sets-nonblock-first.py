#!/usr/bin/python3 -B
"""A wrapper that made all its descriptors non-blocking for its own event loop."""
import os
import sys

os.set_blocking(0, False)
os.execv(sys.argv[1], sys.argv[1:])
