#!/usr/bin/python3 -B
"""The .fcgi file of the documentation: the application lies elsewhere."""
from yourapplication import serve

if __name__ == "__main__":
    serve()
