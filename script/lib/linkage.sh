# Sourced by script/test: which libraries the builds link, and whether the default build works.
# shellcheck shell=bash

# The default build, kept aside: the tests' build writes to the same path.
default_program() {
    printf '%s' "$target/without-postgres/vestibule"
}

build_default_program() {
    # `--examples` (there are none) makes cargo give the dependencies the features that they have in the
    # tests' build: otherwise it compiles a third of them again.
    cargo build --locked --profile test --workspace --bins --examples
    mkdir -p "$target/without-postgres"
    cp "$target/debug/vestibule" "$(default_program)"
}

step_linkage() {
    build_default_program
    loaded_libraries >"$scratch/libraries"
    printf 'The default build loads:\n%s\n' "$(cat "$scratch/libraries")"
    if grep -E 'lib(ssl|crypto|pq|sqlite3)\.' "$scratch/libraries"; then
        fail "the default build loads the libraries above"
    fi
    smoke_test_default_program
    build_tests
    needed_libraries | grep -E '^lib(pq)\.' || fail "the build with the feature postgres does not link libpq"
    if needed_libraries | grep -E '^lib(ssl|crypto|sqlite3)\.'; then
        fail "the build with the feature postgres itself links the libraries above"
    fi
}

# Everything that the default build loads at start.
loaded_libraries() {
    ldd "$(default_program)" | awk '{ print $1 }'
}

# What the build with `postgres` links itself, without the libraries that libpq links.
needed_libraries() {
    readelf -d "$target/debug/vestibule" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# The tests run the other build. They check this one through VESTIBULE_WITHOUT_POSTGRES; here it runs
# its commands on a database of its own.
smoke_test_default_program() {
    local program folder=$scratch/default-build
    program=$(default_program)
    mkdir "$folder"
    (
        cd "$folder"
        export DATABASE_URL=sqlite:$folder/vestibule.sqlite3 WORKOS_API_KEY=sk_test_made_up \
            WORKOS_CLIENT_ID=client_made_up SECRET_KEY=made-up-key-of-the-tests-with-more-than-fifty-characters
        "$program" migrate
        "$program" migrate --check
        DJANGO_SUPERUSER_PASSWORD=Correct-horse-9 "$program" createsuperuser --noinput --email ada@example.com
        "$program" check
    ) >"$folder/output" 2>&1 || {
        cat "$folder/output"
        fail "the default build does not work on SQLite"
    }
}
