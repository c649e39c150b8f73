"""Answers what an application behind a proxy reads: the headers, by the names of CGI and WSGI.

Usage: echo.py PORT
"""

import json
import sys
from wsgiref.simple_server import make_server


def application(environ, start_response):
    read = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    # As scripts and images have it.
    start_response("200 OK", [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=600")])
    return [json.dumps(read).encode()]


make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
