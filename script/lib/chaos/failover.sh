# A PostgreSQL primary fails over to its standby and back (FAILOVERS=4) under sign-ins; counts what failed
# shellcheck shell=bash
# Needs PostgreSQL's server programs.
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# pg FOLDER COMMAND...: runs pg_ctl on the cluster in this folder.
pg() {
    local folder=$1
    shift
    as_postgres "$(postgres_programs)/pg_ctl" "$@" --pgdata="$folder" --wait --timeout=60 --silent \
        --log="$folder.log"
}

# follow FOLDER PORT: makes this cluster the standby of the server on this port.
follow() {
    as_postgres touch "$1/standby.signal"
    as_postgres tee -a "$1/postgresql.auto.conf" >/dev/null <<END
primary_conninfo = 'host=127.0.0.1 port=$2 user=vestibule password=$password'
END
}

# Signs in with a password ten times a second and asks /readyz, until the file `stop` exists.
load() {
    python3 - "$port" "$scratch" <<'END_OF_PYTHON'
import http.client
import json
import os
import sys
import time

port, scratch = int(sys.argv[1]), sys.argv[2]


def status(method, path, body=None):
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.request(method, path, body, {"Content-Type": "application/json", "Host": "localhost"})
        return client.getresponse().status
    except OSError as error:
        return type(error).__name__


def outages(times):
    """Spans of failures, in seconds: from the first failure to the first success after it."""
    spans, began = [], None
    for at, good in times:
        if not good and began is None:
            began = at
        elif good and began is not None:
            spans.append(round(at - began, 1))
            began = None
    return spans + ([] if began is None else ["never"])


password = {"email": "ada@example.com", "password": "Correct-horse-9"}
writes, probes, counts = [], [], {}
while not os.path.exists(scratch + "/stop"):
    written = status("POST", "/api/token", json.dumps(password))
    ready = status("GET", "/readyz")
    writes.append((time.monotonic(), written == 200))
    probes.append((time.monotonic(), ready == 200))
    for key in (("sign-in", written), ("/readyz", ready)):
        counts[key] = counts.get(key, 0) + 1
    time.sleep(0.1)
for (name, code), count in sorted(counts.items(), key=str):
    print(f"{name} {code}: {count}")
print("seconds without sign-ins:", outages(writes))
print("seconds not ready:", outages(probes))
refused = {code for (name, code) in counts if code not in (200, 503)}
if refused or not writes[-1][1] or not probes[-1][1]:
    sys.exit("the site did not recover, or answered something else than 200 and 503")
END_OF_PYTHON
}

needs curl curl
needs python3 python3
prepare
start_postgres
password=$(sed 's|.*vestibule:\([^@]*\)@.*|\1|' "$scratch/postgres.url")
first=$(postgres_folder)/data
second=$(postgres_folder)/standby
first_port=$(sed 's|.*:\([0-9]*\)/.*|\1|' "$scratch/postgres.url")
second_port=$(free_port)
export PGPASSWORD=$password
as_postgres "$(postgres_programs)/pg_basebackup" --host=127.0.0.1 --port="$first_port" --username=vestibule \
    --pgdata="$second" --write-recovery-conf --checkpoint=fast
pg "$second" start --options="-p $second_port"
stop_standby() {
    pg "$second" stop --mode=immediate 2>/dev/null || true
}
trap 'stop_standby; clean_up' EXIT

DATABASE_URL="postgres://vestibule:$password@127.0.0.1:$first_port,127.0.0.1:$second_port/postgres"
export DATABASE_URL
start_server
load &
load=$!
primary=$first standby=$second primary_port=$first_port standby_port=$second_port
for ((failover = 0; failover < ${FAILOVERS:-4}; failover++)); do
    sleep 3
    pg "$primary" stop --mode=fast
    pg "$standby" promote
    # The old primary comes back and only allows reading.
    follow "$primary" "$standby_port"
    pg "$primary" start --options="-p $primary_port"
    read -r primary standby primary_port standby_port <<<"$standby $primary $standby_port $primary_port"
done
sleep 4
touch "$scratch/stop"
wait "$load"
