"""An application behind a proxy that asks vestibule who the user is: docs/forward-auth.md.

Usage: JWKS_URL=https://app.example.com/.well-known/jwks.json FORWARD_AUTH_AUDIENCE=… app.py PORT

It greets the user, and believes nobody but the token in X-Auth-Token, which it verifies with vestibule's public key:
it has no secret. It needs nothing but Python's standard library, which verifies RSA only: JWT_ALGORITHM=RS256. With
PyJWT an application is shorter, and ES256 is possible: see the document.
"""

import base64
import hashlib
import html
import http.server
import json
import os
import sys
import time
import urllib.request

JWKS_URL = os.environ["JWKS_URL"]
AUDIENCE = os.environ["FORWARD_AUTH_AUDIENCE"]
# What a signature contains before the hash: PKCS #1 v1.5 names SHA-256 by these bytes.
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Keys:
    """vestibule's public keys. They are read again for a new one, once a minute at most."""

    def __init__(self):
        self.by_id = {}
        self.read_at = None

    def get(self, key_id):
        now = time.monotonic()
        if key_id not in self.by_id and (self.read_at is None or now - self.read_at > 60):
            with urllib.request.urlopen(JWKS_URL, timeout=5) as response:
                self.by_id = {key["kid"]: key for key in json.load(response)["keys"]}
            self.read_at = now
        return self.by_id[key_id]


KEYS = Keys()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def number(part):
    return int.from_bytes(decoded(part), "big")


def is_signed(text, signature, key):
    """Whether the owner of this RSA key signed the text. Every byte that the signature contains is compared."""
    modulus, exponent = number(key["n"]), number(key["e"])
    size = (modulus.bit_length() + 7) // 8
    end = SHA256 + hashlib.sha256(text.encode()).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(end) - 3) + b"\x00" + end
    return pow(number(signature), exponent, modulus).to_bytes(size, "big") == expected


def claims_of(token):
    """The claims of a token that vestibule signed for this application and that is still valid; None for any other."""
    try:
        head, body, signature = token.split(".")
        header = json.loads(decoded(head))
        if header["alg"] != "RS256" or not is_signed(f"{head}.{body}", signature, KEYS.get(header["kid"])):
            return None
        claims = json.loads(decoded(body))
        # Without these, a token of the API would do, which is valid for longer: even a refresh token.
        is_for_us = claims["token_type"] == "access" and claims["forwarded"] is True and claims["aud"] == AUDIENCE
        return claims if is_for_us and time.time() < claims["exp"] else None
    except (ValueError, KeyError, TypeError):
        return None


class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            claims = claims_of(self.headers.get("X-Auth-Token", ""))
        except OSError as error:
            return self.answer(503, f"<p>The keys cannot be read: {html.escape(str(error))}</p>")
        if claims is None:
            return self.answer(401, "<p>No valid token. Does a proxy ask vestibule first?</p>")
        name = claims.get("name") or "user"
        rows = {
            "User": claims["user_id"],
            "Organisation": claims.get("org_id", "none"),
            "Role": claims.get("role", "none"),
            "Permissions": ", ".join(claims.get("permissions", [])) or "none",
        }
        table = "".join(f"<dt>{key}</dt><dd>{html.escape(str(value))}</dd>" for key, value in rows.items())
        return self.answer(200, f"<h1>Hello, {html.escape(name)}!</h1><dl>{table}</dl><p><a href='/account'>Account</a></p>")

    def answer(self, status, body):
        page = PAGE.format(body=body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Example</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem }}
dt {{ font-weight: bold }} dd {{ margin: 0 0 .5rem; overflow-wrap: anywhere }}</style>
<main>{body}</main>
</html>
"""

if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application)
    print(f"listening on port {server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
