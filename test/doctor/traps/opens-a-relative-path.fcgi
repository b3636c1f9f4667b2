#!/usr/bin/python3 -B
"""Reads its settings from where it was started while it was written."""
import os
import sys

sys.path.insert(0, os.environ["RESPONDER"])
from responder import serve

with open("conf/settings.ini") as settings:
    settings.read()
serve()
