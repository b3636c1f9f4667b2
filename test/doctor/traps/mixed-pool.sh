#!/bin/sh
# One worker has an event loop, its siblings are built on libfcgi.
if [ "$FCGI_PM_WORKER" = 1 ]; then exec "$1" "$2"; fi
exec "$3"
