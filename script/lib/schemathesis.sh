# Sourced by script/test: sends requests generated from the OpenAPI document to a running server.
# shellcheck shell=bash

# Printed, so that a run can be repeated: SCHEMATHESIS_SEED=… script/test schemathesis
schemathesis_seed=${SCHEMATHESIS_SEED:-20261121}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until an address responds, for at most ten seconds.
wait_for_http() {
    local attempt
    for ((attempt = 0; attempt < 100; attempt++)); do
        if curl --silent --output /dev/null --max-time 2 "$1"; then
            return
        fi
        sleep 0.1
    done
    fail "$1 does not answer"
}

step_schemathesis() {
    local program=$target/debug/vestibule folder=$scratch/schemathesis url access issuer
    local peers=$PWD/script/peers document=$PWD/openapi.json
    local venv=$peers/schemathesis/.venv
    build_tests
    mkdir "$folder"
    # The step is a subshell: the server and the emulator end with it, even if it fails.
    trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
    start_oidc_provider "$folder"
    # No rate limits: they would refuse most requests.
    url=http://localhost:$(free_port)
    cat >"$folder/.env" <<END
SECRET_KEY='made-up-key-of-the-tests-with-more-than-fifty-characters'
BIND='127.0.0.1:${url##*:}'
DATABASE_URL='sqlite:$folder/vestibule.sqlite3'
ACCESS_TOKEN_LIFETIME=86400
THROTTLE_LOGIN=off
THROTTLE_REFRESH=off
RUST_LOG=warn
WORKOS_TOKEN_ROUTE=true
GOOGLE_CLIENT_ID=made-up
GOOGLE_ISSUER=$issuer
GOOGLE_REDIRECT_URIS=https://app.example.com/callback
OKTA_CLIENT_ID=made-up
OKTA_ISSUER=$issuer
OKTA_REDIRECT_URIS=https://app.example.com/callback
END
    start_emulator "$folder" "$program"
    cd "$folder"
    "$program" migrate
    # The document's examples use this account.
    DJANGO_SUPERUSER_PASSWORD=Correct-horse-9 "$program" createsuperuser --noinput --email ada@example.com
    "$program" runserver 2>"$folder/server.log" &
    wait_for_http "$url/healthz"
    obtain_pair "$url" >pair.json
    obtain_pair "$url" >other-pair.json
    access=$(sed -n 's/.*"access":"\([^"]*\)".*/\1/p' pair.json)
    with_real_tokens <"$document" >openapi.json
    printf 'The seed is %s.\n' "$schemathesis_seed"
    "$venv/bin/schemathesis" --config-file "$peers/schemathesis/schemathesis.toml" run openapi.json --url "$url" --header "Authorization: Bearer $access" \
        --checks all --mode all --max-examples "${SCHEMATHESIS_EXAMPLES:-60}" \
        --seed "$schemathesis_seed" --continue-on-failure --no-color \
        --request-timeout 20 --suppress-health-check all ||
        { tail -n 20 "$folder/server.log" && fail "schemathesis found failures"; }
    wait_for_http "$url/healthz"
    if grep -E 'panicked|ERROR' "$folder/server.log"; then
        fail "the server logged the errors above"
    fi
}

obtain_pair() {
    curl --silent --fail --data 'email=ada@example.com&password=Correct-horse-9' "$1/api/token" ||
        fail "the seeded account gets no token"
}

# Replaces the document's made-up tokens by valid ones. The one to blacklist is from another pair.
with_real_tokens() {
    python3 -c '
import json, sys
document = json.load(sys.stdin)
for name, path, pair in [
    ("refresh", "/api/token/refresh", "pair.json"),
    ("token", "/api/token/verify", "pair.json"),
    ("refresh", "/api/token/blacklist", "other-pair.json"),
]:
    token = json.load(open(pair))["refresh"]
    for kind in document["paths"][path]["post"]["requestBody"]["content"].values():
        kind["example"] = {name: token}
json.dump(document, sys.stdout)'
}

# Starts the tests' OpenID Connect provider in place of Google and Okta. Sets `issuer`.
start_oidc_provider() {
    local node attempt
    : >"$1/provider.log"
    node=$(compgen -G "$peers/node/node_modules/node-linux-*/bin/node" || echo node)
    "$node" tests/it/support/oidc_provider.mjs "$peers/node_modules/oauth2-mock-server/dist/index.mjs" \
        >"$1/provider.log" 2>&1 &
    for ((attempt = 0; attempt < 100; attempt++)); do
        issuer=$(sed -n 's/.*"issuer":"\([^"]*\)".*/\1/p' "$1/provider.log")
        [[ -n $issuer ]] && return
        sleep 0.1
    done
    fail "oauth2-mock-server does not start"
}

# Starts the emulator and appends the settings that it prints to .env.
start_emulator() {
    local folder=$1 program=$2 attempt
    "$program" emulator --bind 127.0.0.1:0 >"$folder/emulator.log" 2>&1 &
    for ((attempt = 0; attempt < 100; attempt++)); do
        grep -q 'WORKOS_CLIENT_ID=' "$folder/emulator.log" && break
        sleep 0.1
    done
    sed -n 's/^ *\(WORKOS_[A-Z_]*=.*\)/\1/p' "$folder/emulator.log" >>"$folder/.env"
}
