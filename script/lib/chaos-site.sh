# Sourced by the scenarios of script/chaos: builds the program and starts servers of a made-up site.
# shellcheck shell=bash

# shellcheck source=script/lib/postgres.sh
. script/lib/postgres.sh

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

clean_up() {
    local process
    # nginx's workers end with their master only if it may end them.
    for process in "${processes[@]}"; do
        kill -TERM "$process" 2>/dev/null || true
    done
    for process in "${processes[@]}"; do
        timeout 10 tail --pid="$process" -f /dev/null || kill -KILL "$process" 2>/dev/null || true
    done
    stop_postgres
    rm -rf "$scratch"
}

# Builds the program, unless CHAOS_PROGRAM names one, and sets what every site needs.
prepare() {
    processes=()
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/vestibule-chaos.XXXXXX")
    chmod 711 "$scratch"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    program=${CHAOS_PROGRAM:-}
    if [[ -z $program ]]; then
        cargo build --release --locked --features postgres
        program=${CARGO_TARGET_DIR:-$PWD/target}/release/vestibule
    fi
    program=$(realpath "$program")
    export WORKOS_API_KEY=sk_test_made_up WORKOS_CLIENT_ID=client_made_up
    export SECRET_KEY=made-up-key-of-script-chaos-with-more-than-fifty-characters
    export THROTTLE_LOGIN=off THROTTLE_REFRESH=off RUST_LOG=warn,vestibule::server=info
}

# Starts PostgreSQL with an empty migrated database.
use_postgres() {
    start_postgres
    DATABASE_URL=$(cat "$scratch/postgres.url")
    export DATABASE_URL
    "$program" migrate >/dev/null
}

# Migrates the database of DATABASE_URL, and adds the superuser ada@example.com.
add_superuser() {
    "$program" migrate >/dev/null
    DJANGO_SUPERUSER_PASSWORD=Correct-horse-9 "$program" createsuperuser --noinput --email ada@example.com >/dev/null
}

# start_server: does that, starts a server and sets `port`.
start_server() {
    add_superuser
    port=$(free_port)
    BIND=127.0.0.1:$port PUBLIC_URL=http://localhost:$port "$program" runserver >/dev/null \
        2>"$scratch/server.log" &
    processes+=("$!")
    wait_ready "$port"
}

# start_emulator PROGRAM: starts its AuthKit emulator, and exports the settings of a server that uses it.
start_emulator() {
    # Not what an earlier one has printed.
    : >"$scratch/emulator"
    "$1" emulator --bind "127.0.0.1:$(free_port)" >"$scratch/emulator" 2>/dev/null &
    processes+=("$!")
    until grep -q WORKOS_API_KEY "$scratch/emulator"; do
        kill -0 "$!" 2>/dev/null || fail "the emulator does not start"
        sleep 0.1
    done
    # It prints its key and client id as settings.
    sed -n "s/^ *\(WORKOS_[A-Z_]*=.*\)/export \1/p" "$scratch/emulator" >"$scratch/workos.env"
    # shellcheck source=/dev/null
    . "$scratch/workos.env"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_ready PORT: waits until /readyz answers 200.
wait_ready() {
    local attempt
    for attempt in $(seq 300); do
        if curl --silent --fail --output /dev/null "http://127.0.0.1:$1/readyz"; then
            return
        fi
        sleep 0.1
    done
    fail "the server on port $1 is not ready after $attempt tries"
}

needs() {
    command -v "$1" >/dev/null || fail "$1 is missing: apt-get install $2"
}
