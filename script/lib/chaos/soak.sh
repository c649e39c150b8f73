# Sign-ins, pages, refreshes and log-outs for SECONDS_EACH=1200 on each database; memory and descriptors stay flat
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# soak NAME: with the database of DATABASE_URL.
soak() {
    local port server status=0
    port=$(free_port)
    start_emulator "$program"
    BIND=127.0.0.1:$port PUBLIC_URL=http://localhost:$port "$program" runserver >/dev/null 2>>"$scratch/server.log" &
    server=$!
    processes+=("$server")
    wait_ready "$port"
    printf 'soak on %s:\n' "$1"
    python3 script/lib/soak.py "http://localhost:$port" "$server" "${SECONDS_EACH:-1200}" || status=1
    kill -TERM "$server"
    wait "$server" || fail "the server ended with the exit code $?"
    if grep -E 'ERROR|panicked' "$scratch/server.log"; then
        fail "the server logged errors"
    fi
    return "$status"
}

needs curl curl
prepare
DATABASE_URL=sqlite:$scratch/soak.sqlite3
export DATABASE_URL
"$program" migrate >/dev/null
soak SQLite
use_postgres
soak PostgreSQL
