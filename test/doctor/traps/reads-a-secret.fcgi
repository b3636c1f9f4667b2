#!/usr/bin/python3 -B
"""Reads a file that only root may read, as it did when it was tried by hand."""
import sys

with open(sys.argv[1]) as secret:
    secret.read()
