"""An application behind a proxy that asks vestibule who the user is: docs/forward-auth.md.

Usage: SECRET_KEY=… app.py PORT

It needs nothing but Python's standard library. It greets the user, and believes nobody but the token in X-Auth-Token,
which it verifies with vestibule's SECRET_KEY (JWT_ALGORITHM=HS256, the default).
"""

import base64
import hashlib
import hmac
import html
import http.server
import json
import os
import sys
import time
import urllib.parse

KEY = os.environ["SECRET_KEY"].encode()
AUDIENCE = os.environ.get("FORWARD_AUTH_AUDIENCE")


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    """The claims of a token that vestibule signed for us and that is still valid; None for any other."""
    try:
        head, body, signature = token.split(".")
        expected = hmac.new(KEY, f"{head}.{body}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(expected, decoded(signature)):
            return None
        if json.loads(decoded(head)).get("alg") != "HS256":
            return None
        claims = json.loads(decoded(body))
        is_ours = AUDIENCE is None or claims.get("aud") == AUDIENCE
        return claims if is_ours and time.time() < claims["exp"] else None
    except (ValueError, KeyError):
        return None


class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        claims = claims_of(self.headers.get("X-Auth-Token", ""))
        if claims is None:
            return self.answer(401, "<p>No valid token. Does a proxy ask vestibule first?</p>")
        name = urllib.parse.unquote(self.headers.get("X-Auth-Name", "")) or "user"
        rows = {
            "User": claims["user_id"],
            "Organisation": claims.get("org_id", "none"),
            "Role": claims.get("role", "none"),
            "Permissions": ", ".join(claims.get("permissions", [])) or "none",
        }
        table = "".join(f"<dt>{key}</dt><dd>{html.escape(str(value))}</dd>" for key, value in rows.items())
        return self.answer(200, f"<h1>Hello, {html.escape(name)}!</h1><dl>{table}</dl><p><a href='/account'>Account</a></p>")

    def answer(self, status, body):
        page = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Example</title>{body}</html>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
