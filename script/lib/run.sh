# Sourced by script/test: runs the steps, counts the tests, cleans up and reports.
# shellcheck shell=bash

# A hanging test shall end the run while there is still time to say which.
test_time_limit=40m
# Above this the build cache is begun afresh.
cache_limit_mib=12000

main() {
    local steps=() word
    for word in "$@"; do
        case $word in
        -h | --help) usage && exit 0 ;;
        all) steps+=("${all_steps[@]}") ;;
        lint) steps+=(format clippy) ;;
        tools) ;;
        *)
            if [[ " ${all_steps[*]} " != *" $word "* ]]; then
                printf 'script/test: no step is called %s\n\n' "$word" >&2
                usage >&2
                exit 2
            fi
            steps+=("$word")
            ;;
        esac
    done
    if (($# == 0)); then
        steps=("${all_steps[@]}")
    fi
    # Asked for by itself, `tools` prepares for everything.
    needed_by=("${steps[@]:-${all_steps[@]}}")

    prepare
    local tree_before
    tree_before=$(work_tree)
    run_step tools
    if [[ $verdict == ok ]]; then
        for word in "${steps[@]}"; do
            run_step "$word"
        done
    fi
    check_nothing_left "$tree_before"
    summary "${steps[@]}"
}

prepare() {
    # Every process that this run starts carries its mark.
    run_mark=$$-$RANDOM$RANDOM
    export VESTIBULE_TEST_RUN=$run_mark
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/vestibule-test.XXXXXX")
    # PostgreSQL may run as another user, below this folder.
    chmod 711 "$scratch"
    mkdir -m 1777 "$scratch/tmp"
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export TMPDIR=$scratch/tmp CARGO_NET_RETRY=5 INSTA_UPDATE=no
    if [[ ${CI:-} == true ]]; then
        export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
        use_build_cache
    fi
    target=${CARGO_TARGET_DIR:-$PWD/target}
    verdict=ok
    : >"$scratch/steps"
    : >"$scratch/tests"
    : >"$scratch/remarks"
}

use_build_cache() {
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/vestibule-ci/target size
    if [[ -z ${CARGO_TARGET_DIR:-} ]] && mkdir -p "$cache" && [[ -w $cache ]]; then
        size=$(du -sm "$cache" | cut -f1)
        if ((size > cache_limit_mib)); then
            rm -rf "$cache"
        fi
        export CARGO_TARGET_DIR=$cache
    fi
}

fail() {
    printf 'script/test: %s\n' "$*" >&2
    exit 1
}

# Said now, and again at the end, where it is read.
remark() {
    printf '\n!! %s\n' "$*"
    printf '!! %s\n' "$*" >>"$scratch/remarks"
}

# Each step is a background job, so that a signal is acted upon at once, and a subshell outside any
# condition, so that `set -e` holds in it.
run_step() {
    local name=$1 began=$SECONDS status=0 word=ok
    printf '\n== %s ==\n' "$name"
    (
        trap - EXIT HUP INT TERM
        set -e
        "step_$name"
    ) </dev/null &
    wait "$!" || status=$?
    if ((status != 0)); then
        word=FAILED
        verdict=FAILED
    fi
    printf -- '-- %s: %s, %s s\n' "$name" "$word" "$((SECONDS - began))"
    printf '  %-9s %-7s %5s s\n' "$name" "$word" "$((SECONDS - began))" >>"$scratch/steps"
}

# run_tests NAME [CARGO OPTION...]: builds first, so that only running counts against the limit.
run_tests() {
    local name=$1 log=$scratch/$1.log status=0
    shift
    cargo test --locked --no-run "$@"
    timeout --kill-after=10s "$test_time_limit" \
        cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
    awk -v name="$name" '
        /^test result: / { passed += $4; failed += $6; ignored += $8 }
        END { print name, passed + 0, failed + 0, ignored + 0 }
    ' "$log" >>"$scratch/tests"
    if ((status == 124 || status == 137)); then
        fail "the tests did not end within $test_time_limit"
    fi
    return "$status"
}

work_tree() {
    git status --porcelain 2>/dev/null || true
}

# A good run leaves nothing behind: no process, no changed file.
check_nothing_left() {
    local waited=0 pids
    while pids=$(marked_processes) && [[ -n $pids ]] && ((waited++ < 50)); do
        sleep 0.2
    done
    if [[ -n $pids ]]; then
        remark "FAILED: these processes were left running, and are killed now:"
        # shellcheck disable=SC2086 # a list of numbers
        ps -o pid=,args= -p ${pids//$'\n'/,} | cut -c1-150 | tee -a "$scratch/remarks" || true
        verdict=FAILED
    fi
    if [[ $(work_tree) != "$1" ]]; then
        remark "FAILED: the run changed the work tree, \`git status\` says:"
        work_tree | tee -a "$scratch/remarks"
        verdict=FAILED
    fi
}

# Lines of process ids. This shell got its environment before the mark existed, and is not among
# them; `grep` is, and a process that is dead but not yet buried, without a command line.
marked_processes() {
    local file pid
    for file in $(grep -lsa "VESTIBULE_TEST_RUN=$run_mark" /proc/[0-9]*/environ); do
        pid=${file//[^0-9]/}
        if [[ -n $(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline") ]]; then
            printf '%s\n' "$pid"
        fi
    done 2>/dev/null
}

clean_up() {
    local status=$? pids
    trap - EXIT HUP INT TERM
    set +e
    stop_postgres
    for signal in TERM KILL; do
        pids=$(marked_processes)
        [[ -z $pids ]] && break
        # shellcheck disable=SC2086 # a list of numbers
        kill "-$signal" $pids 2>/dev/null
        for ((waited = 0; waited < 25; waited++)); do
            [[ -z $(marked_processes) ]] && break
            sleep 0.2
        done
    done
    rm -rf "$scratch"
    exit "$status"
}

summary() {
    local total passed=0 failed=0 name ran fell ignored
    printf '\nSteps:\n'
    cat "$scratch/steps"
    if [[ -s $scratch/tests ]]; then
        printf 'Tests:\n'
    fi
    while read -r name ran fell ignored; do
        printf '  %-9s %s passed, %s failed, %s ignored\n' "$name" "$ran" "$fell" "$ignored"
        passed=$((passed + ran))
        failed=$((failed + fell))
    done <"$scratch/tests"
    cat "$scratch/remarks"
    total=$((passed + failed))
    if [[ " $* " =~ \ (sqlite|postgres)\  ]]; then
        if ((total == 0)); then
            printf '!! FAILED: no test ran.\n'
            verdict=FAILED
        fi
        printf '%s in %s s.\n%s passed, %s failed\n' "$verdict" "$SECONDS" "$passed" "$failed"
    else
        printf '%s in %s s.\n' "$verdict" "$SECONDS"
    fi
    [[ $verdict == ok ]] || exit 1
}
