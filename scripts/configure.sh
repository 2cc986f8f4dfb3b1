#!/bin/sh
# Sets up a build folder if it is not there yet, and compiles it.
#
#     scripts/configure.sh build|build-clang|build-cet|build-ucontext|build-aarch64|
#                          build-asan|build-tsan|build-fuzz
#
# The folder's name says what is built. Debian's own meson is preferred to another one on the
# path (of a Python environment, say).
set -eu
cd "$(dirname "$0")/.."

dir=$1
meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson

# Sanitizers: an undefined behaviour ends the program; the stacks of tasks need their frames.
sanitized="-Dbuildtype=debug -Doptimization=1 -Dexamples=false -Dbench=false -Db_lundef=false"
case $dir in
build) set -- ;;
build-clang) export CC=clang && set -- ;;
build-cet) set -- -Dc_args=-fcf-protection=full -Dexamples=false -Dbench=false ;;
build-ucontext) set -- -Dcontext=ucontext -Dexamples=false -Dbench=false ;;
build-aarch64) set -- --cross-file scripts/aarch64.ini -During=disabled -Dvalgrind=disabled \
    -Dtls=disabled -Dhttp=disabled ;;
build-asan)
    # shellcheck disable=SC2086
    set -- $sanitized -Db_sanitize=address,undefined \
        -Dc_args='-fno-sanitize-recover=all -fno-omit-frame-pointer'
    ;;
build-tsan)
    # shellcheck disable=SC2086
    set -- $sanitized -Db_sanitize=thread -Dc_args=-fno-omit-frame-pointer
    ;;
build-fuzz)
    export CC=clang
    # shellcheck disable=SC2086
    set -- $sanitized -Db_sanitize=address,undefined -Dfuzz=true \
        -Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer'
    ;;
*)
    echo "scripts/configure.sh: what is to be built in $dir?" >&2
    exit 2
    ;;
esac

if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    log=$(mktemp)
    "$meson" setup "$dir" "$@" >"$log" 2>&1 || {
        cat "$log"
        rm -f "$log"
        exit 1
    }
    rm -f "$log"
fi
exec ninja -C "$dir" --quiet
