# Two servers behind nginx are restarted one after another under POST requests (RESTARTS=40); none may fail
# shellcheck shell=bash
# Needs nginx and, for the database, PostgreSQL's server programs.
set -euo pipefail
# shellcheck source=script/lib/chaos-site.sh
. script/lib/chaos-site.sh

write_nginx_configuration() {
    cat >"$scratch/nginx.conf" <<END_OF_CONFIGURATION
daemon off;
error_log $scratch/nginx.log warn;
pid $scratch/nginx.pid;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $scratch/nginx-body;
    proxy_temp_path $scratch/nginx-proxy;
    fastcgi_temp_path $scratch/nginx-fastcgi;
    uwsgi_temp_path $scratch/nginx-uwsgi;
    scgi_temp_path $scratch/nginx-scgi;
    upstream vestibule {
        server 127.0.0.1:${ports[0]} max_fails=1 fail_timeout=2s;
        server 127.0.0.1:${ports[1]} max_fails=1 fail_timeout=2s;
        keepalive 16;
    }
    server {
        listen 127.0.0.1:$nginx_port;
        location / {
            proxy_pass http://vestibule;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
        }
    }
}
END_OF_CONFIGURATION
}

# start_server INDEX
start_server() {
    BIND=127.0.0.1:${ports[$1]} PUBLIC_URL=http://localhost:$nginx_port \
        "$program" runserver >/dev/null 2>>"$scratch/server-$1.log" &
    servers[$1]=$!
    processes+=("$!")
    wait_ready "${ports[$1]}"
}

needs nginx nginx-light
needs curl curl
prepare
export SHUTDOWN_GRACE=${SHUTDOWN_GRACE:-2}
use_postgres
ports=("$(free_port)" "$(free_port)")
nginx_port=$(free_port)
servers=()
start_server 0
start_server 1
write_nginx_configuration
nginx -p "$scratch" -c "$scratch/nginx.conf" 2>/dev/null &
processes+=("$!")
wait_ready "$nginx_port"
python3 script/lib/load.py "$nginx_port" 8 >"$scratch/load" &
load=$!
processes+=("$load")
restarts=${RESTARTS:-40}
for ((restart = 0; restart < restarts; restart++)); do
    index=$((restart % 2))
    kill -TERM "${servers[$index]}"
    wait "${servers[$index]}" || fail "a server ended with the exit code $?"
    start_server "$index"
done
kill -TERM "$load"
status=0
wait "$load" || status=$?
printf 'rolling-restart: %s restarts: %s\n' "$restarts" "$(cat "$scratch/load")"
exit "$status"
