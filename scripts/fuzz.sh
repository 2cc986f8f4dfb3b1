#!/bin/sh
# Fuzzes what parses or decides, with libFuzzer, ASan and UBSan (needs clang).
#
#     scripts/fuzz.sh [SECONDS [TARGET...]]     default: 60 seconds for each target
#
# Begins with the corpus in tests/fuzz/corpus; what is found on the way is kept in
# build-fuzz/corpus, and an input that breaks something in build-fuzz/found. To look at it:
# build-fuzz/tests/fuzz/fuzz_TARGET FILE.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)

scripts/configure.sh build-fuzz
mkdir -p build-fuzz/found
failed=0
passed=0
for target in "$@"; do
    echo "== $target"
    mkdir -p "build-fuzz/corpus/$target"
    if nice "build-fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=2048 \
        -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="build-fuzz/found/$target-" \
        "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
