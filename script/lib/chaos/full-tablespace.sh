# PostgreSQL's tables are on a file system that is full, and then is not (as root, which can mount one)
# shellcheck shell=bash
# Needs PostgreSQL's server programs.
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

# Prints the status of a sign-in, which inserts rows.
sign_in() {
    curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' -H 'Host: localhost' \
        -H 'Content-Type: application/json' "http://127.0.0.1:$port/api/token" \
        --data '{"email":"ada@example.com","password":"Correct-horse-9"}'
}

readiness() {
    curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/readyz"
}

needs curl curl
[[ $(id -u) == 0 ]] || fail "only root can mount a file system"
prepare
start_postgres
space=$scratch/space
mkdir "$space"
mount -t tmpfs -o size=24m none "$space"
trap 'stop_postgres; umount "$space"; clean_up' EXIT
mkdir "$space/tables"
chown "$(as_postgres id -u)" "$space/tables"
admin=$(cat "$scratch/postgres.url")
psql=$(postgres_programs)/psql
"$psql" --quiet "$admin" -c "CREATE TABLESPACE small LOCATION '$space/tables'"
"$psql" --quiet "$admin" -c "CREATE DATABASE site TABLESPACE small"
export DATABASE_URL=${admin%/postgres}/site
start_server
[[ $(sign_in) == 200 ]] || fail "a sign-in fails with space"

head -c 24m /dev/zero >"$space/ballast" 2>/dev/null || true
refused=0
for ((attempt = 0; attempt < 400 && refused < 20; attempt++)); do
    [[ $(sign_in) == 200 ]] || ((++refused))
done
printf 'full: %s of %s sign-ins failed, /readyz %s\n' "$refused" "$attempt" "$(readiness)"
((refused > 0)) || fail "no sign-in failed on a full file system"
for ((probe = 0; probe < 5; probe++)); do
    [[ $(readiness) == 503 ]] || fail "/readyz is not 503"
    sleep 1
done

rm "$space/ballast"
began=$(date +%s%N)
until [[ $(readiness) == 200 ]]; do
    (($(date +%s%N) - began < 20000000000)) || fail "/readyz does not recover"
    sleep 0.1
done
printf 'ready %s ms after there is space, without a request\n' $((($(date +%s%N) - began) / 1000000))
[[ $(sign_in) == 200 ]] || fail "a sign-in fails with space again"
