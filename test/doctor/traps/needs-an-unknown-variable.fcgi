#!/usr/bin/python3 -B
"""Nobody has set its variable, not even the shell."""
import os

database = os.environ["BLOG_DATABASE_THAT_NOBODY_SETS"]
