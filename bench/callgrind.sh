#!/bin/sh
# bench/callgrind.sh - counts the user-space instructions per yield, create+await, hand-over and echo.
#
#     bench/callgrind.sh [COIL_BENCH_BINARY]      default: build/bench/coil_bench
#
# Each item is run twice under `valgrind --tool=callgrind` with different numbers of operations; the
# difference of the counts divided by the difference of the numbers is free of start-up and shutdown.
# Unlike times, these counts repeat on any machine with the same compiler. The echo is one connection
# sending 64 bytes, once per backend (COIL_BACKEND); the kernel's instructions are not counted.
# The others run on the simulated backend, to be exact: it is asked in every iteration, while the
# real ones are left out of most of them, of how many depends on the time. So these counts are upper
# bounds; INSTRUCTIONS.md keeps the last ones.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../build/bench/coil_bench}
tcpload=$here/build/tcpload
few=2000
many=12000

for tool in valgrind make; do
    command -v "$tool" >/dev/null || { echo "callgrind.sh: install $tool" >&2; exit 1; }
done
[ -x "$bin" ] || { echo "callgrind.sh: $bin is not there; build the project first" >&2; exit 1; }
make -s -C "$here" build/tcpload

tmp=$(mktemp -d)
end_server() {
    if [ -s "$tmp/pid" ]; then
        kill -KILL "$(cat "$tmp/pid")" 2>/dev/null || true
    fi
    rm -f "$tmp/pid"
}
cleanup() {
    end_server
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# The total of one callgrind output file.
total() {
    awk '/^(summary|totals):/ { n = $2 } END { if (n == "") exit 1; print n }' "$1"
}

per_op() { # name, count of the small run, of the large run
    awk -v name="$1" -v a="$2" -v b="$3" -v ops=$((many - few)) \
        'BEGIN { printf "item=%s instructions=%.1f\n", name, (b - a) / ops }'
}

count_task() { # item, operations
    COIL_BACKEND=sim valgrind --tool=callgrind --callgrind-out-file="$tmp/out" "$bin" "$1" "$2" \
        >"$tmp/stdout" 2>"$tmp/stderr" || { cat "$tmp/stderr" >&2; exit 1; }
    total "$tmp/out"
}

wait_ready() { # pid
    tries=0
    until grep -q ready "$tmp/stdout" 2>/dev/null; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ] || ! kill -0 "$1" 2>/dev/null; then
            cat "$tmp/stderr" >&2
            return 1
        fi
        sleep 0.1
    done
}

count_echo() { # backend, requests
    rm -f "$tmp"/out* "$tmp/stdout"
    port=$((20000 + ($$ + $2 + $(date +%s)) % 10000))
    COIL_BACKEND=$1 valgrind --tool=callgrind --callgrind-out-file="$tmp/out" \
        --vgdb-prefix="$tmp/vgdb" "$bin" echo "$port" >"$tmp/stdout" 2>"$tmp/stderr" &
    pid=$!
    echo "$pid" >"$tmp/pid"
    wait_ready "$pid" || return 1
    timeout 60 "$tcpload" 127.0.0.1 "$port" 1 64 0 --requests "$2" >/dev/null || return 1
    # vgdb reaches a server that is blocked in the kernel; a signal would not (io_uring_enter).
    timeout 20 vgdb --vgdb-prefix="$tmp/vgdb" --pid="$pid" dump >/dev/null 2>&1 || return 1
    end_server
    total "$tmp/out.1"
}

for item in yield create handover; do
    small=$(count_task "$item" $few)
    large=$(count_task "$item" $many)
    per_op "$item" "$small" "$large"
done
# The same yield in debug mode, which is to cost less than twice as much.
small=$(export COIL_DEBUG=1; count_task yield $few)
large=$(export COIL_DEBUG=1; count_task yield $many)
per_op yield-debug "$small" "$large"
for backend in uring epoll; do
    if small=$(count_echo "$backend" $few) && large=$(count_echo "$backend" $many); then
        per_op "echo-$backend" "$small" "$large"
    else
        echo "callgrind.sh: no count for the echo on $backend" >&2
        end_server
    fi
done
