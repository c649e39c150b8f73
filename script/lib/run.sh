# Sourced by script/test: runs the steps, cleans up and reports.
# shellcheck shell=bash

# A larger build cache is deleted and built again.
cache_limit_mib=12000

main() {
    local steps=() word
    for word in "$@"; do
        case $word in
        -h | --help) usage && exit 0 ;;
        all) steps+=("${all_steps[@]}") ;;
        lint) steps+=("${lint_steps[@]}") ;;
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
    # `script/test tools` installs what all steps need.
    needed_by=("${steps[@]:-${all_steps[@]}}")

    prepare
    local tree_before
    tree_before=$(work_tree)
    run_step tools
    if [[ $verdict == ok ]]; then
        for word in "${steps[@]}"; do
            if [[ $word == deny ]]; then
                start_step deny
            else
                run_step "$word"
            fi
        done
        finish_started_step
    fi
    check_nothing_left "$tree_before"
    summary "${steps[@]}"
}

prepare() {
    # Every process that this run starts has this variable in its environment.
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
    # clippy compiles as rustc does, and gives its own warnings. `cargo clippy` would check each dependency
    # beside compiling it. Cargo repeats the warnings of what it does not compile again.
    export RUSTC_WORKSPACE_WRAPPER=clippy-driver
    if [[ ${CI:-} == true ]]; then
        export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
        use_build_cache
    fi
    target=${CARGO_TARGET_DIR:-$PWD/target}
    verdict=ok
    : >"$scratch/steps"
    : >"$scratch/tests"
    : >"$scratch/test-times"
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

# Prints a remark now and again in the summary.
remark() {
    printf '\n!! %s\n' "$*"
    printf '!! %s\n' "$*" >>"$scratch/remarks"
}

# Each step is a background job, so that the script reacts to signals at once, and a subshell outside
# any condition, so that `set -e` is in effect.
run_step() {
    local name=$1 began=$SECONDS status=0
    printf '\n== %s ==\n' "$name"
    (
        trap - EXIT HUP INT TERM
        set -e
        "step_$name"
    ) </dev/null &
    wait "$!" || status=$?
    report_step "$name" "$status" "$((SECONDS - began))"
}

# Runs a step beside the following ones. `finish_started_step` prints its output.
start_step() {
    started_step=$1
    printf '\n== %s: started, its result follows at the end ==\n' "$started_step"
    (
        trap - EXIT HUP INT TERM
        set -e
        began=$SECONDS
        trap 'printf "%s" "$((SECONDS - began))" >"$scratch/started.seconds"' EXIT
        "step_$started_step"
    ) </dev/null >"$scratch/started.log" 2>&1 &
    started_job=$!
}

finish_started_step() {
    local status=0
    [[ -n ${started_job:-} ]] || return 0
    wait "$started_job" || status=$?
    printf '\n== %s ==\n' "$started_step"
    cat "$scratch/started.log"
    report_step "$started_step" "$status" "$(cat "$scratch/started.seconds")"
}

# report_step NAME STATUS SECONDS
report_step() {
    local word=ok
    if (($2 != 0)); then
        word=FAILED
        verdict=FAILED
    fi
    printf -- '-- %s: %s, %s s\n' "$1" "$word" "$3"
    printf '  %-12s %-7s %5s s\n' "$1" "$word" "$3" >>"$scratch/steps"
}

work_tree() {
    git status --porcelain 2>/dev/null || true
}

# Fails the run if it left a process or a changed file behind.
check_nothing_left() {
    local waited=0 pids
    while pids=$(marked_processes) && [[ -n $pids ]] && ((waited++ < 50)); do
        sleep 0.2
    done
    if [[ -n $pids ]]; then
        remark "FAILED: these processes were left running and are killed now:"
        # shellcheck disable=SC2086 # a list of numbers
        ps -o pid=,args= -p ${pids//$'\n'/,} | cut -c1-150 | tee -a "$scratch/remarks" || true
        verdict=FAILED
    fi
    if [[ $(work_tree) != "$1" ]]; then
        remark "FAILED: the run changed the work tree. \`git status\` reports:"
        work_tree | tee -a "$scratch/remarks"
        verdict=FAILED
    fi
}

# Prints process ids, one a line. This shell is not among them: its environment is older than the
# variable. `grep` and zombies would be, but have no command line any more.
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
    local total passed=0 failed=0 name succeeded not_succeeded ignored
    printf '\nSteps:\n'
    cat "$scratch/steps"
    if [[ -s $scratch/tests ]]; then
        printf 'Tests:\n'
    fi
    while read -r name succeeded not_succeeded ignored; do
        printf '  %-12s %s passed, %s failed, %s ignored\n' "$name" "$succeeded" "$not_succeeded" "$ignored"
        passed=$((passed + succeeded))
        failed=$((failed + not_succeeded))
    done <"$scratch/tests"
    if [[ -s $scratch/test-times ]]; then
        printf 'Slowest tests:\n'
        print_slowest_tests
    fi
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
