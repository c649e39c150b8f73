# Sourced by script/test: runs a PostgreSQL server for the tests, on a loopback port.
# shellcheck shell=bash

# The folder of the newest server's programs.
postgres_programs() {
    local initdb
    initdb=$(command -v initdb || find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    [[ -n $initdb ]] && dirname "$(readlink -f "$initdb")"
}

# The server refuses to run as root. As root, this uses Debian's user `postgres`, or `nobody`.
as_postgres() {
    local user=nobody
    if [[ $(id -u) != 0 ]]; then
        "$@"
        return
    fi
    if id postgres >/dev/null 2>&1; then
        user=postgres
    fi
    (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@")
}

# Where the cluster is. With postgres_in_memory=yes, in memory if there is room: each test creates and deletes
# 300 files, which costs ext4 more processor time than the tests' statements cost PostgreSQL.
postgres_folder() {
    local needed_kib=2000000 memory=/dev/shm
    if [[ ${postgres_in_memory:-} == yes && $(stat --file-system --format=%T "$memory" 2>/dev/null) == tmpfs && -w $memory ]] &&
        (($(df --output=avail "$memory" | tail -n 1) >= needed_kib)); then
        printf '%s/%s' "$memory" "$(basename "$scratch")"
    else
        printf '%s/postgres' "$scratch"
    fi
}

# Creates a cluster and starts it. The administrator's URL is written to $scratch/postgres.url.
start_postgres() {
    local programs folder password attempt port
    programs=$(postgres_programs)
    folder=$(postgres_folder)
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    mkdir -m 711 "$folder"
    printf '%s\n' "$password" >"$folder/password"
    if [[ $(id -u) == 0 ]]; then
        as_postgres true || fail "no user to run PostgreSQL as"
        chown -R "$(as_postgres id -u)" "$folder"
    fi
    as_postgres "$programs/initdb" --pgdata="$folder/data" --username=vestibule --no-sync \
        --pwfile="$folder/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        >"$folder/initdb.log" || fail "initdb failed"
    # The data need not survive a crash of the machine.
    as_postgres tee -a "$folder/data/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
# In the locale C.UTF-8 the server uses the language of its environment.
lc_messages = 'C'
END
    for attempt in 1 2 3 4 5; do
        # Another program may take the port before the server starts. Then try another one.
        port=$((20000 + RANDOM % 12000))
        if LANGUAGE=de as_postgres "$programs/pg_ctl" start --pgdata="$folder/data" --wait --timeout=60 --silent \
            --log="$folder/server.log" --options="-p $port"; then
            printf 'postgres://vestibule:%s@127.0.0.1:%s/postgres' "$password" "$port" \
                >"$scratch/postgres.url"
            printf 'PostgreSQL %s runs on port %s.\n' "$(cat "$folder/data/PG_VERSION")" "$port"
            return
        fi
    done
    cat "$folder/server.log" >&2
    fail "PostgreSQL did not start in $attempt attempts"
}

# Stops the server if it runs, and deletes the cluster.
stop_postgres() {
    local folder
    folder=$(postgres_folder)
    if [[ -e $folder/data/postmaster.pid ]]; then
        as_postgres "$(postgres_programs)/pg_ctl" stop --pgdata="$folder/data" --mode=immediate --wait --silent
    fi
    rm -rf "$folder"
}
