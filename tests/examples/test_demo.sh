#!/bin/sh
# Runs scripts/demo.sh, and checks that it shows what it promises and leaves nothing behind.
#
#     test_demo.sh ROOT BUILD_FOLDER
output=$(mktemp -d) || exit 2
trap 'rm -rf "$output"' EXIT

if [ ! -f /usr/lib/nginx/modules/ngx_http_echo_module.so ]; then
    echo "skip demo: nginx with its echo module is not installed"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

mkdir "$output/tmp"
chmod 711 "$output"
if COIL_DEMO_PAGES=20 TMPDIR="$output/tmp" "$1/scripts/demo.sh" "$2" >"$output/log" 2>&1 &&
    grep -q '^Got 100 results$' "$output/log" &&
    [ "$(grep -c '^20 pages, 0 failed' "$output/log")" = 2 ] &&
    { [ ! -x "$2/examples/crawl" ] || grep -q '^45 pages, 2 broken' "$output/log"; } &&
    { [ ! -x "$2/examples/api" ] || grep -q '"field":"title","code":"length"' "$output/log"; } &&
    grep '^One by one' "$output/log" | awk '{ exit !($4 >= 2 && $8 < $4 / 3) }' &&
    [ -z "$(ls "$output/tmp")" ]; then
    echo "ok demo"
    echo "1 passed, 0 failed, 0 skipped"
    exit 0
fi
echo "not ok demo:"
cat "$output/log"
ls "$output/tmp"
echo "0 passed, 1 failed, 0 skipped"
exit 1
