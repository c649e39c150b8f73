# Sign-ins, pages, refreshes and log-outs for SECONDS_EACH=1200 on each database; memory and descriptors stay flat
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# soak NAME: with the database of DATABASE_URL.
soak() {
    local port emulator_port server status=0
    port=$(free_port)
    emulator_port=$(free_port)
    "$program" emulator --bind "127.0.0.1:$emulator_port" >"$scratch/emulator" 2>/dev/null &
    processes+=("$!")
    until grep -q WORKOS_API_KEY "$scratch/emulator"; do sleep 0.1; done
    # The emulator prints its key and client id as settings.
    sed -n "s/^ *\(WORKOS_[A-Z_]*=.*\)/export \1/p" "$scratch/emulator" >"$scratch/workos.env"
    # shellcheck source=/dev/null
    . "$scratch/workos.env"
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
