#!/usr/bin/python3 -B
"""Written for Python 2."""
print "hello"
