# Sourced by script/test: builds the tests once, runs them on one database, measures each test.
# shellcheck shell=bash

# A hanging test must end the run while there is still time to say which one it was.
test_time_limit=25m
# The tests wait for sockets and processes more than they compute.
test_threads=${TEST_THREADS:-$(($(nproc) * 2))}
slowest_tests=10

# Both databases are tested with this one build.
build_tests() {
    cargo test --locked --workspace --features postgres --all-targets --no-run
}

# run_tests NAME TARGET_OPTION... [-- TEST_OPTION...]: builds first, so that only the run counts
# against the time limit.
run_tests() {
    local name=$1 log=$scratch/$1.log status=0 host targets=()
    shift
    while (($#)) && [[ $1 != -- ]]; do
        targets+=("$1")
        shift
    done
    shift $(($# > 0))
    build_tests
    if [[ -e $scratch/default-build ]]; then
        VESTIBULE_WITHOUT_POSTGRES=$(default_program)
        export VESTIBULE_WITHOUT_POSTGRES
    fi
    # A stable libtest measures its tests only if this variable is set. It is set for the test
    # binaries alone: set for cargo, it would rebuild dependencies.
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${host}_RUNNER=env RUSTC_BOOTSTRAP=1"
    timeout --kill-after=10s "$test_time_limit" \
        cargo test --locked --workspace --features postgres --no-fail-fast "${targets[@]}" \
        -- -Zunstable-options --report-time --test-threads "$test_threads" "$@" 2>&1 |
        tee "$log" || status=$?
    count_tests "$name" "$log"
    sed -n 's/^test \(.*\) \.\.\. .* <\([0-9.]*\)s>$/\2 \1/p' "$log" |
        sed "s/\$/ ($name)/" >>"$scratch/test-times"
    if ((status == 124 || status == 137)); then
        fail "the tests did not end within $test_time_limit"
    fi
    return "$status"
}

# The examples in the documentation. Their harness is rustdoc, which takes none of the options above.
run_documentation_tests() {
    local log=$scratch/documentation.log status=0
    cargo test --locked --workspace --features postgres --doc 2>&1 | tee "$log" || status=$?
    count_tests examples "$log"
    return "$status"
}

count_tests() {
    awk -v name="$1" '
        /^test result: / { passed += $4; failed += $6; ignored += $8 }
        END { print name, passed + 0, failed + 0, ignored + 0 }
    ' "$2" >>"$scratch/tests"
}

# `sed` reads to the end: `head` would end `sort` by SIGPIPE, which fails the pipeline.
print_slowest_tests() {
    sort -rn "$scratch/test-times" | sed -n "1,${slowest_tests}p" |
        while read -r seconds test; do
            printf '  %7.1f s  %s\n' "$seconds" "$test"
        done
}
