#!/bin/sh
# A start script that stays.
export GREETING=hello
"$1"
