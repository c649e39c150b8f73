# An earlier version serves on the schema of this one (PREVIOUS=COMMIT; default: before the last migration)
set -euo pipefail

# The commit before the one that added the newest migration.
previous=${PREVIOUS:-$(git log -1 --format=%H -- migrations/sqlite)^}
previous=$(git rev-parse "$previous")
scratch=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    git worktree remove --force "$scratch/source" 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

fail() {
    echo "previous-version: $*" >&2
    tail -20 "$scratch/log" >&2 || true
    exit 1
}

# request STATUS CURL-OPTION...: the body is in $scratch/body.
request() {
    local expected=$1 status
    shift
    status=$(curl --silent --max-time 20 --output "$scratch/body" --dump-header "$scratch/headers" \
        --write-out '%{http_code}' "$@") || fail "no answer: $*"
    [ "$status" = "$expected" ] || fail "$status instead of $expected: $*"
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
        --data '{"email":"lois@example.com","password":"lois-demo-password"}' "$url/api/token"
    request 302 --cookie "$jar" --data 'all=1' "$url/account/sessions/revoke"
    request 401 -H 'Content-Type: application/json' --data "{\"refresh\":\"$tokens\"}" "$url/api/token/refresh"
    request 200 "$url/readyz"
}

start() {
    (cd "$scratch" && exec "$old" runserver --demo --bind "127.0.0.1:$port" >"$scratch/log" 2>&1) &
    server=$!
    for _ in $(seq 200); do
        curl --silent --output /dev/null "$url/healthz" && return
        kill -0 "$server" 2>/dev/null || fail "the earlier version does not start"
        sleep 0.1
    done
    fail "the earlier version does not answer"
}

stop() {
    kill "$server"
    wait "$server" || fail "the earlier version ended with an error"
    server=
}

git worktree add --quiet --detach "$scratch/source" "$previous"
cargo build --locked --bin vestibule
(cd "$scratch/source" && CARGO_TARGET_DIR=${CHAOS_TARGET_DIR:-$OLDPWD/target/previous-version} \
    cargo build --locked --bin vestibule)
new=$PWD/target/debug/vestibule
old=${CHAOS_TARGET_DIR:-$PWD/target/previous-version}/debug/vestibule
port=$((20000 + $$ % 10000))
url=http://localhost:$port

start
use_everything before
sign_in olive "$scratch/jar.kept"
migrated=$(cd "$scratch" && DATABASE_URL=sqlite:vestibule-demo.sqlite3 "$new" migrate)
echo "$migrated"
# The running server, with a session from before, and one that is started on the new schema.
request 200 --cookie "$scratch/jar.kept" "$url/account"
use_everything running
stop
start
use_everything started
stop
if grep -E 'ERROR|panicked' "$scratch/log"; then fail "the earlier version logged errors"; fi
echo "previous-version: ${previous:0:12} served on this schema:" \
    "$(grep -c Applying <<<"$migrated") migrations applied, 3 rounds of sign-ins, refreshes and log-outs"
