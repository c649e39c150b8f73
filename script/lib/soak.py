"""Uses a running site as people do, and prints what it costs over time.

Usage: soak.py URL PROCESS_ID SECONDS

Prints twelve lines, each with the requests of a twelfth of the time, their median and 99th percentile in
milliseconds, and the server's memory and open files at its end. Fails if a request fails, or if memory or files grow
between the first third and the end: memory by more than 15 % and 8 MB, files by more than 40.
"""

import http.cookiejar
import json
import os
import statistics
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

URL, PROCESS, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
WORKERS, PERIODS = 6, 12
PEOPLE = ["ada", "olive", "ada"]
times: list = []
failures: list = []
lock = threading.Lock()
end = time.monotonic() + SECONDS


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self):
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(NoRedirect, cookies)

    def send(self, target, data=None, headers=None, expected=200):
        """Returns the body and the address of the redirection."""
        request = urllib.request.Request(urllib.parse.urljoin(URL, target), data, headers or {})
        began = time.monotonic()
        try:
            response = self.opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        body = response.read()
        if target.startswith("/") or target.startswith(URL):
            with lock:
                times.append((time.monotonic() - began) * 1000)
        if response.status != expected:
            raise AssertionError(f"{response.status} instead of {expected}: {target.split('?')[0]}")
        return body, response.headers.get("Location", "")

    def post_json(self, target, value):
        headers = {"Content-Type": "application/json"}
        return json.loads(self.send(target, json.dumps(value).encode(), headers)[0])

    def use_the_site(self, person):
        headers = {"Sec-Fetch-Site": "same-origin"}
        authorize = self.send("/auth/login", headers=headers, expected=302)[1]
        form = {"email": f"{person}@example.com", "password": f"{person}-demo-password"}
        callback = self.send(authorize, urllib.parse.urlencode(form).encode(), expected=302)[1]
        self.send(callback, expected=302)
        for _ in range(10):
            self.send("/account")
            self.send("/")
        tokens = self.post_json("/api/auth/session", {})
        for _ in range(5):
            self.post_json("/api/token/refresh", {"refresh": tokens["refresh_token"]})
        self.send("/auth/logout", b"", headers, expected=302)


def work(number):
    while time.monotonic() < end:
        try:
            Browser().use_the_site(PEOPLE[number % len(PEOPLE)])
        except (AssertionError, OSError, ValueError) as error:
            with lock:
                failures.append(str(error))
            time.sleep(1)


def memory_mb():
    with open(f"/proc/{PROCESS}/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
for thread in threads:
    thread.start()
samples = []
print("  requests  median ms   p99 ms  memory MB  files")
for _ in range(PERIODS):
    time.sleep(SECONDS / PERIODS)
    with lock:
        period, times = sorted(times), []
    files = len(os.listdir(f"/proc/{PROCESS}/fd"))
    samples.append((memory_mb(), files))
    p99 = period[int(len(period) * 0.99)] if period else 0
    median = statistics.median(period) if period else 0
    print(f"  {len(period):8} {median:10.1f} {p99:8.1f} {samples[-1][0]:10.1f} {files:6}", flush=True)
for thread in threads:
    thread.join()
if failures:
    print(f"  {len(failures)} failures, such as: {failures[0]}")
(memory, files), (last_memory, last_files) = samples[PERIODS // 3], samples[-1]
flat = last_memory <= max(memory * 1.15, memory + 8) and last_files <= files + 40
if not flat:
    print("  memory or files have grown")
sys.exit(1 if failures or not flat else 0)
