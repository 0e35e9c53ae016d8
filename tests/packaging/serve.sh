# For scripts in a system that has graphfeed-server. `serve FOLDER [COMMAND ...]` starts one, its
# command after COMMAND if given, and sets $address and $server; `stop` ends it, which must succeed.
# What it has said is shown where the script fails.
trap 'code=$?; if [ $code != 0 ]; then cat /tmp/server.log >&2; fi' EXIT

serve() {
    folder=$1
    shift
    "$@" graphfeed-server --data-dir "$folder" $GRAPHFEED_SERVER_FLAGS --listen 127.0.0.1:0 \
        > /tmp/server.log 2>&1 &
    server=$!
    for _ in $(seq 300); do
        if grep -q 'listening on' /tmp/server.log; then break; fi
        sleep 0.1
    done
    address=$(sed -n 's/listening on //p' /tmp/server.log)
    [ -n "$address" ]
}

stop() {
    kill -TERM "$server"
    wait "$server"
    grep -qw server.stop /tmp/server.log
}
