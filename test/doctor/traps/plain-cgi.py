#!/usr/bin/python3
"""A CGI script, as fcgiwrap would run it."""
import os

print("Content-Type: text/html")
print()
print("<h1>Hello</h1>", os.environ.get("QUERY_STRING", ""))
