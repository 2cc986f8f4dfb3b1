#!/bin/sh
# Runs all tests, stage by stage, and ends with one line: "N passed, N failed".
#
#     scripts/test.sh              all stages
#     scripts/test.sh gcc asan     these
#     scripts/test.sh sanitize     ASan+UBSan, TSan and Valgrind in full
#
# gcc        all tests on io_uring, epoll and the simulated backend; the tree; the headers
# clang      the same, built with clang
# cet        built for shadow stacks and branch tracking (not among the default stages)
# ucontext   the portable context switch: tests of the layers that use it
# aarch64    cross-built, on epoll and the simulated backend, under qemu-user
# asan       AddressSanitizer and UndefinedBehaviorSanitizer
# torture    each test of sys, loop, task, sync, io, debug and tls with its n-th allocation and call
#            failing (some minutes); the same for http, with 30 of each kind (COIL_TORTURE_MAX), as
#            an exchange makes many; and the tests of tls that have faults of their own, with all
#            of them
# tsan, valgrind
exec </dev/null
cd "$(dirname "$0")/.." || exit 2

meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson
python=/usr/bin/python3
[ -x "$python" ] || python=python3
logs=$(mktemp -d) || exit 2
trap 'rm -rf "$logs"' EXIT

# stage NAME BUILD_FOLDER MESON_TEST_OPTION...
stage() {
    name=$1
    dir=$2
    shift 2
    echo "== $name"
    if ! scripts/configure.sh "$dir" >"$logs/$name.build" 2>&1; then
        tail -n 60 "$logs/$name.build"
        echo "not ok $name: it does not build"
        echo "0 passed, 1 failed, 0 skipped" >"$logs/$name.sum"
        return
    fi
    rm -f "$dir/meson-logs/testlog"*.json
    "$meson" test -C "$dir" --no-rebuild "$@" >"$logs/$name.run" 2>&1
    "$python" scripts/tally.py "$name" "$dir/meson-logs" "$logs/$name.run" "$logs/$name.sum"
}

run() {
    case $1 in
    gcc) stage gcc build ;;
    clang) stage clang build-clang --no-suite tree ;;
    cet) stage cet build-cet --suite sys --suite task ;;
    ucontext) stage ucontext build-ucontext --suite sys --suite task ;;
    aarch64) stage aarch64 build-aarch64 --no-suite tree ;;
    asan) UBSAN_OPTIONS=print_stacktrace=1 stage asan build-asan --no-suite tree ;;
    # A kernel that spreads mappings very widely leaves gcc 12's TSan no room: no randomness here.
    tsan)
        if setarch -R true 2>/dev/null; then
            stage tsan build-tsan --no-suite tree --wrapper "setarch -R"
        else
            stage tsan build-tsan --no-suite tree
        fi
        ;;
    valgrind)
        stage valgrind build --no-suite tree --no-suite examples --wrapper "valgrind -q \
            --fair-sched=try --error-exitcode=99 --leak-check=full \
            --errors-for-leak-kinds=definite \
            --suppressions=$PWD/scripts/valgrind.supp"
        echo "skip examples, tree: they are run by shells and Python, not by programs of ours"
        ;;
    torture)
        stage torture build --suite sys --suite loop --suite task --suite sync --suite io \
            --suite debug --suite tls --test-args=--torture-soft --timeout-multiplier 4
        COIL_TORTURE_MAX=${COIL_TORTURE_MAX:-30} stage torture-http build --suite http \
            --test-args=--torture-soft
        COIL_TEST_THOROUGH=1 stage thorough build --suite tls --suite sync --timeout-multiplier 4
        ;;
    *)
        echo "scripts/test.sh: no stage is called $1" >&2
        exit 2
        ;;
    esac
}

case $* in
'') set -- gcc clang ucontext aarch64 asan ;;
sanitize) set -- asan tsan valgrind ;;
esac
for name in "$@"; do
    run "$name"
done

# The sum of all, and zero tests is a failure too.
cat "$logs"/*.sum | awk '
    { passed += $1; failed += $3; skipped += $5 }
    END {
        if (skipped) printf "(%d skipped)\n", skipped
        if (passed + failed == 0) { print "not one test ran"; failed = 1 }
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }'
