#!/bin/sh
# bench/deps.sh - installs the Debian packages that the benchmarks' peers need (`make bench-deps`).
#
# Measures nothing. Runs apt-get directly when root, else through sudo. Peers whose packages are
# absent are left out by bench/Makefile and named by bench/run.py, so this script is optional.
set -eu

# One line per peer; bench/run.py names the same packages when a peer is missing.
PACKAGES="
gcc g++ make pkg-config python3
liburing-dev
libssl-dev openssl
libst-dev
libuv1-dev
libasio-dev
golang-go
cargo rustc librust-tokio-dev
python3-uvloop
nginx-light wrk nghttp2-client h2o libh2o-evloop-dev
nodejs node-ws
uvicorn python3-fastapi python3-websockets
libcurl4-openssl-dev
valgrind
"

if [ "$(id -u)" = 0 ]; then
    SUDO=
elif command -v sudo >/dev/null 2>&1; then
    SUDO=sudo
else
    echo "deps.sh: need root or sudo to install:" $PACKAGES >&2
    exit 1
fi

# shellcheck disable=SC2086  # the list is meant to be split
if ! $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 $PACKAGES; then
    echo "deps.sh: first try failed; refreshing the package lists" >&2
    $SUDO apt-get -o DPkg::Lock::Timeout=300 update
    $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $PACKAGES
fi
