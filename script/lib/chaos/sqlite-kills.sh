# A server on SQLite is killed (KILLS=20), every second time an older copy is put back, and then migrate and restore; counts
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

needs python3 python3
prepare
export DATABASE_URL=sqlite:$scratch/site.sqlite3 ROTATE_REFRESH_TOKENS=true
add_superuser
python3 - "$program" "$(free_port)" "$scratch" "${KILLS:-20}" <<'END_OF_PYTHON'
import collections
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

program, port, scratch, kills = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
file, copy, original = (f"{scratch}/{name}.sqlite3" for name in ("site", "copy", "original"))
environment = os.environ | {"BIND": f"127.0.0.1:{port}", "PUBLIC_URL": f"http://localhost:{port}"}
seed = int(os.environ.get("SEED", time.time()))
chance = random.Random(seed)
print("SEED =", seed)


def start():
    """Starts the server; None if it refuses."""
    with open(scratch + "/server.log", "ab") as log:
        server = subprocess.Popen(
            [program, "runserver"], env=environment, stdout=subprocess.DEVNULL, stderr=log, cwd=scratch
        )
    for _ in range(300):
        if server.poll() is not None:
            return None
        if status("GET", "/readyz")[0] == 200:
            return server
        time.sleep(0.05)
    server.kill()
    sys.exit("the server does not get ready")


def status(method, path, body=None):
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Content-Type": "application/json", "Host": "localhost"}
        client.request(method, path, body and json.dumps(body), headers)
        answer = client.getresponse()
        return answer.status, answer.read()
    except OSError:
        return None, b""
    except http.client.HTTPException:
        return None, b""


def sign_in():
    return json.loads(
        status("POST", "/api/token", {"email": "ada@example.com", "password": "Correct-horse-9"})[1]
    )["refresh"]


class Client(threading.Thread):
    """Replaces its refresh token again and again. Only the last one that was answered is valid."""

    def __init__(self):
        super().__init__()
        self.token, self.count = sign_in(), 0

    def run(self):
        while True:
            code, body = status("POST", "/api/token/refresh", {"refresh": self.token})
            if code != 200:
                return
            self.token = json.loads(body)["refresh"]
            self.count += 1


def checkpoint():
    """What SQLite does by itself after a thousand pages."""
    site = sqlite3.connect(file, timeout=5)
    site.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    site.close()


def check_content(clients, what):
    site = sqlite3.connect(file, timeout=5)
    found = site.execute("PRAGMA integrity_check").fetchall()
    site.close()
    if found != [("ok",)]:
        sys.exit(f"{what}: {found[:3]}")
    for client in clients:
        code, body = status("POST", "/api/token/refresh", {"refresh": client.token})
        if code != 200:
            sys.exit(f"{what}: an answered rotation is lost: {code} {body}")
        client.token = json.loads(body)["refresh"]


counts = collections.Counter()
for kill in range(kills):
    server = start() or sys.exit("the server refuses its own file")
    clients = [Client() for _ in range(4)]
    with_copy = kill % 2 == 1
    for client in clients:
        client.start()
    time.sleep(chance.uniform(0.05, 0.4))
    if with_copy:
        shutil.copy(file, copy)
        time.sleep(chance.uniform(0, 0.3))
        if chance.random() < 0.7:
            checkpoint()
    time.sleep(chance.uniform(0.05, 0.4))
    server.send_signal(signal.SIGKILL)
    server.wait()
    for client in clients:
        client.join()
        counts["rotations"] += client.count
    if with_copy:
        shutil.copy(file, original)
        shutil.copy(copy, file)
        server = start()
        counts["copies refused" if server is None else "copies completed by the log"] += 1
        if server is None:
            with open(copy, "rb") as old, open(file, "rb") as now:
                old.read() == now.read() or sys.exit("a refused file was changed")
            shutil.copy(original, file)
        else:
            check_content(clients, "an accepted copy")
            server.send_signal(signal.SIGKILL)
            server.wait()
    server = start() or sys.exit("the server refuses its own file after a kill")
    check_content(clients, "after a kill")
    server.send_signal(signal.SIGTERM)
    server.wait() == 0 or sys.exit("a clean stop fails")
    os.path.exists(file + "-wal") and sys.exit("a clean stop leaves a log")
    counts["kills"] += 1

# Commands that create a file, switch it to a log or restore it are killed at every moment.
backup = scratch + "/backup.sqlite3"


def command(database, *arguments):
    return subprocess.Popen(
        [program, *arguments],
        env=environment | {"DATABASE_URL": "sqlite:" + database},
        cwd=scratch,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finishes(database, *arguments):
    process = command(database, *arguments)
    said = process.communicate()[1]
    return process.returncode == 0 or sys.exit(f"{database}: {' '.join(arguments)}: {said}")


finishes(file, "backup", backup)
for kill in range(10 * kills):
    kind = chance.choice(["created", "copied", "restored"])
    killed = f"{scratch}/killed-{kill}.sqlite3"
    if kind != "created":
        shutil.copy(backup, killed)
    process = command(killed, *(["restore", backup] if kind == "restored" else ["migrate"]))
    time.sleep(chance.uniform(0, 0.1))
    process.kill()
    process.communicate()
    if kind == "restored" and not os.path.exists(killed):
        said = command(killed, "migrate").communicate()[1]
        "is missing" in said or sys.exit(f"migrate in the middle of a restore: {said}")
        finishes(killed, "restore", backup)
        counts["restores killed while there was no file"] += 1
    if os.path.exists(killed + "-journal"):
        counts["journals left"] += 1
    for arguments in (["migrate"], ["restored"], ["check"]):
        finishes(killed, *arguments)
    site = sqlite3.connect(killed)
    found = site.execute("PRAGMA integrity_check").fetchall()
    accounts = site.execute("SELECT count(*) FROM users").fetchone()[0]
    site.close()
    (found, accounts) == ([("ok",)], 0 if kind == "created" else 1) or sys.exit(f"{kind}: {found} {accounts}")
    counts[f"files {kind} while being killed"] += 1

for name, count in sorted(counts.items()):
    print(f"{name}: {count}")
counts["copies refused"] or kills < 4 or sys.exit("no copy was refused")
END_OF_PYTHON
