# An earlier version serves on the schema of this one, on both databases (PREVIOUS=COMMIT)
# shellcheck shell=bash
# Needs PostgreSQL's server programs.
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# The last version before migrations only expanded the schema. It must have the routes that are used below.
previous=$(git rev-parse --verify "${PREVIOUS:-63c4dcf}^{commit}")
processes=()
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vestibule-chaos.XXXXXX")
chmod 711 "$scratch"
server=
cleanup() {
    git worktree remove --force "$scratch/source" 2>/dev/null || true
    clean_up
}
trap cleanup EXIT

problem() {
    tail -20 "$scratch/log" >&2 || true
    fail "$*"
}

# request STATUS CURL-OPTION...: the body is in $scratch/body.
request() {
    local expected=$1 status
    shift
    status=$(curl --silent --max-time 20 --output "$scratch/body" --dump-header "$scratch/headers" \
        --write-out '%{http_code}' "$@") || problem "no answer: $*"
    [ "$status" = "$expected" ] || problem "$status instead of $expected: $*"
}

redirect() {
    sed -n 's/^location: *\(.*\)\r$/\1/ip' "$scratch/headers"
}

# Signs in through WorkOS as USER, with cookies in FILE.
sign_in() {
    local user=$1 jar=$2
    request 302 --cookie-jar "$jar" --cookie "$jar" -H 'Sec-Fetch-Site: same-origin' "$url/auth/login"
    request 302 --data "email=$user@example.com&password=$user-demo-password" "$(redirect)"
    request 302 --cookie-jar "$jar" --cookie "$jar" "$(redirect)"
    request 200 --cookie "$jar" "$url/account"
}

# What users do, on the running server.
use_everything() {
    local jar=$scratch/jar.$1 tokens
    sign_in ada "$jar"
    request 200 --cookie "$jar" --cookie-jar "$jar" -X POST "$url/api/auth/session"
    tokens=$(sed -n 's/.*"refresh_token":"\([^"]*\)".*/\1/p' "$scratch/body")
    request 200 -H 'Content-Type: application/json' --data "{\"refresh\":\"$tokens\"}" "$url/api/token/refresh"
    request 200 -H 'Content-Type: application/json' \
        --data '{"email":"lois@example.com","password":"Correct-horse-9"}' "$url/api/token"
    request 302 --cookie "$jar" --data 'all=1' "$url/account/sessions/revoke"
    request 401 -H 'Content-Type: application/json' --data "{\"refresh\":\"$tokens\"}" "$url/api/token/refresh"
    request 200 "$url/readyz"
}

start() {
    BIND=127.0.0.1:$port PUBLIC_URL=$url "$old" runserver >>"$scratch/log" 2>&1 &
    server=$!
    processes+=("$server")
    for _ in $(seq 200); do
        curl --silent --output /dev/null "$url/healthz" && return
        kill -0 "$server" 2>/dev/null || problem "the earlier version does not start"
        sleep 0.1
    done
    problem "the earlier version does not answer"
}

stop() {
    kill "$server"
    wait "$server" || problem "the earlier version ended with an error"
    server=
}

# serve_on NAME: with the database of DATABASE_URL, which is empty.
serve_on() {
    local migrated
    rm -f "$scratch"/jar.*
    : >"$scratch/log"
    "$old" migrate >/dev/null
    DJANGO_SUPERUSER_PASSWORD=Correct-horse-9 "$old" createsuperuser --noinput --email lois@example.com >/dev/null
    start
    use_everything before
    sign_in olive "$scratch/jar.kept"
    migrated=$("$new" migrate)
    echo "$migrated"
    # The running server, with a session from before, and one that is started on the new schema.
    request 200 --cookie "$scratch/jar.kept" "$url/account"
    use_everything running
    stop
    start
    use_everything started
    stop
    if grep -E 'ERROR|panicked' "$scratch/log"; then problem "the earlier version logged errors"; fi
    printf 'previous-version: %s served on this schema on %s: %s migrations applied, 3 rounds of %s\n' \
        "${previous:0:12}" "$1" "$(grep -c Applying <<<"$migrated")" "sign-ins, refreshes and log-outs"
}

git worktree add --quiet --detach "$scratch/source" "$previous"
cargo build --locked --features postgres --bin vestibule
# The two builds may have one folder (CHAOS_TARGET_DIR).
new=$scratch/vestibule-new
cp "${CARGO_TARGET_DIR:-$PWD/target}/debug/vestibule" "$new"
target=${CHAOS_TARGET_DIR:-$PWD/target/previous-version}
(cd "$scratch/source" && CARGO_TARGET_DIR=$target cargo build --locked --features postgres --bin vestibule)
old=$target/debug/vestibule
export SECRET_KEY=made-up-key-of-script-chaos-with-more-than-fifty-characters
export THROTTLE_LOGIN=off THROTTLE_REFRESH=off RUST_LOG=warn
start_emulator "$old"
port=$(free_port)
url=http://localhost:$port

DATABASE_URL=sqlite:$scratch/previous.sqlite3
export DATABASE_URL
serve_on SQLite
start_postgres
DATABASE_URL=$(cat "$scratch/postgres.url")
serve_on PostgreSQL
