#!/bin/sh
# The start script of a site that had spawn-fcgi.
exec spawn-fcgi -s "$1" -- "$2"
