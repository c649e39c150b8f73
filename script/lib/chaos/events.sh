# A month of WorkOS's events (EVENTS=50000) is read over three kills and a change of replica, on both databases; counts
# shellcheck shell=bash
# Needs PostgreSQL's server programs and psql.
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# count TABLE: the number of its rows.
count() {
    case $DATABASE_URL in
        postgres:*) psql "$DATABASE_URL" --no-align --tuples-only --command "SELECT count(*) FROM $1" ;;
        *) python3 -c 'import sqlite3, sys
site = sqlite3.connect(sys.argv[1], timeout=20)
print(site.execute(f"SELECT count(*) FROM {sys.argv[2]}").fetchone()[0])' "${DATABASE_URL#sqlite:}" "$1" ;;
    esac
}

# start_poller: starts a server that polls, and sets `poller`.
start_poller() {
    local port
    port=$(free_port)
    BIND=127.0.0.1:$port PUBLIC_URL=http://localhost:$port "$program" runserver >/dev/null 2>>"$scratch/server.log" &
    poller=$!
    processes+=("$poller")
    wait_ready "$port"
}

# wait_for_rows TABLE NUMBER: waits until the table has so many rows.
wait_for_rows() {
    local deadline=$((SECONDS + 400))
    until (($(count "$1") >= $2)); do
        ((SECONDS < deadline)) || fail "$1 has $(count "$1") rows of $2"
        sleep 0.1
    done
}

# kill_poller: kills the server after noting its largest memory.
kill_poller() {
    local used
    used=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$poller/status")
    most_memory=$((used > most_memory ? used : most_memory))
    kill -KILL "$poller"
    wait "$poller" 2>/dev/null || true
}

read_month() {
    local number began=$SECONDS rows
    most_memory=0
    start_emulator "$program"
    : >"$scratch/server.log"
    start_poller
    wait_for_rows workos_event_cursor 1
    curl --silent --fail --output /dev/null --header 'Content-Type: application/json' \
        --data "{\"event\": \"user.updated\", \"count\": $events, \"interval_milliseconds\": 51000,
            \"data\": {\"object\": \"user\", \"id\": \"user_made_up\", \"email\": \"ada@example.com\",
                \"updated_at\": \"2026-11-21T19:10:09.440Z\"}}" "$WORKOS_API_BASE_URL/_emulator/events"
    for number in 1 2 3; do
        wait_for_rows webhook_events $((events * number / 5))
        kill_poller
        start_poller
    done
    wait_for_rows webhook_events $((events * 4 / 5))
    local first=$poller
    start_poller
    local second=$poller
    poller=$first
    kill_poller
    poller=$second
    wait_for_rows webhook_events "$events"
    kill_poller
    rows=$(count webhook_events)
    [[ $rows == "$events" ]] || fail "$rows events were applied, of $events"
    ((most_memory > 0 && most_memory < 150000)) || fail "a server used $most_memory kB"
    printf '%s: %s events, each once, in %s s; at most %s MB\n' "${DATABASE_URL%%:*}" "$rows" \
        $((SECONDS - began)) $((most_memory / 1024))
}

needs curl curl
needs python3 python3
needs psql postgresql-client
prepare
events=${EVENTS:-50000}
export WORKOS_EVENTS_POLL=1
DATABASE_URL=sqlite:$scratch/site.sqlite3
export DATABASE_URL
"$program" migrate >/dev/null
read_month
use_postgres
read_month
