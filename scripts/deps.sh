#!/bin/sh
# Installs what is missing of the Debian packages of a group; asks the network for nothing when
# all is there.
#
#     scripts/deps.sh build|demo|test|sanitize|cross...
set -eu

packages_of() {
    case $1 in
    build) echo gcc libc6-dev meson ninja-build pkg-config liburing-dev ;;
    demo) echo nginx-light libnginx-mod-http-echo curl ;;
    sanitize) echo valgrind gdb ;;
    cross) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
    test) echo g++ clang clang-format-14 gdb valgrind curl python3 \
        "$(packages_of cross)" "$(packages_of demo)" ;;
    *)
        echo "scripts/deps.sh: no group is called $1" >&2
        exit 2
        ;;
    esac
}

# Installed, or there under another name (gcc of a newer release, nginx for nginx-light).
is_installed() {
    case $1 in
    pkg-config) command -v pkg-config >/dev/null && return 0 ;;
    nginx-light) [ -x /usr/sbin/nginx ] && return 0 ;;
    curl | meson | clang | g++ | gdb) [ -x "/usr/bin/$1" ] && return 0 ;;
    esac
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

wanted=
for group in "$@"; do
    wanted="$wanted $(packages_of "$group")"
done

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: please see to it that these are there:$wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    echo "These packages are missing, and only root can install them:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -o DPkg::Lock::Timeout=600 -q update
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q install -y \
    --no-install-recommends $missing
