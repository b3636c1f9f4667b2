#!/usr/bin/python3 -B
"""Expects its requests on standard input, a line each."""
import os

while line := os.read(0, 4096):
    os.write(1, line)
