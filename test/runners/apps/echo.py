"""The echo of fixtures/apps as a WSGI application."""
import hashlib
import os
import re
import time


def app(environ, start_response):
    asked = dict(re.findall("([^&=]+)=([^&]*)", environ["QUERY_STRING"]))
    body = environ["wsgi.input"].read()
    time.sleep(int(asked.get("sleep", 0)) / 1000)
    lines = ["pid=%d" % os.getpid(), "worker=" + os.environ.get("FCGI_PM_WORKER", "")]
    for name in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"):
        lines.append("%s=%s" % ({"REQUEST_METHOD": "method", "QUERY_STRING": "query"}.get(name, name.lower()), environ[name]))
    lines += ["body=%d" % len(body), "sha=" + hashlib.sha1(body).hexdigest()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("\n".join(lines) + "\n" + "x" * int(asked.get("size", 0))).encode("latin-1")]
