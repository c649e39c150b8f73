"""Sends POST requests over kept connections until SIGTERM, then prints the statuses and fails if one is 5xx or missing.

Usage: load.py PORT CLIENTS
"""

import collections
import http.client
import signal
import sys
import threading

PORT, CLIENTS = int(sys.argv[1]), int(sys.argv[2])
HEADERS = {"Content-Type": "application/json", "Host": "localhost"}
stopped = threading.Event()
results: collections.Counter = collections.Counter()
lock = threading.Lock()


def send_requests():
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    while not stopped.is_set():
        try:
            connection.request("POST", "/api/token/verify", body="{}", headers=HEADERS)
            response = connection.getresponse()
            response.read()
            result = str(response.status)
        except (OSError, http.client.HTTPException) as error:
            result = type(error).__name__
            connection.close()
        with lock:
            results[result] += 1


signal.signal(signal.SIGTERM, lambda *_: stopped.set())
threads = [threading.Thread(target=send_requests) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
stopped.wait()
for thread in threads:
    thread.join()
print(", ".join(f"{count} x {result}" for result, count in sorted(results.items())))
sys.exit(0 if set(results) == {"400"} else 1)
