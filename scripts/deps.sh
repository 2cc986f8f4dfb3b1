#!/bin/sh
# Installs what is missing of the Debian packages of some groups; asks the network for nothing
# when all is there.
#
#     scripts/deps.sh build|demo|test|sanitize|fuzz|cross|fmt...
set -eu

packages_of() {
    case $1 in
    build) echo gcc libc6-dev meson ninja-build pkg-config liburing-dev libssl-dev libdw-dev \
        systemtap-sdt-dev zlib1g-dev libbrotli-dev libzstd-dev libnghttp2-dev libwslay-dev \
        libjansson-dev libgumbo-dev libsqlite3-dev ;;
    demo) echo nginx-light libnginx-mod-http-echo curl ;;
    sanitize) echo valgrind gdb ;;
    fuzz) echo clang libclang-rt-14-dev ;;
    cross) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
    fmt) echo clang-format-14 ;;
    test) echo g++ clang gdb valgrind python3 python3-prometheus-client openssl sslscan \
        chromium-headless-shell nghttp2-client node-ws python3-jsonschema python3-websockets \
        "$(packages_of fmt)" "$(packages_of cross)" "$(packages_of demo)" ;;
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
    chromium-headless-shell) command -v chromium >/dev/null && return 0 ;;
    curl | meson | clang | g++ | gdb) [ -x "/usr/bin/$1" ] && return 0 ;;
    esac
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# The browser is wanted for one test, which is skipped without it: where apt does not know of the
# small one, the large one will do, or none.
choose_browser() {
    if ! apt-cache show chromium-headless-shell >/dev/null 2>&1; then
        other=
        if apt-cache show chromium >/dev/null 2>&1; then
            other=" chromium"
        fi
        missing=$(echo "$missing" | sed "s/ chromium-headless-shell/$other/")
    fi
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
# Without lists of packages nobody can tell yet.
if [ -n "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null)" ]; then
    choose_browser
fi
[ -n "$missing" ] || exit 0

# What is to be done by hand, and why.
give_up() {
    echo "$1 As root, this installs them:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
}

if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    give_up "Packages are missing, and there is no sudo to install them with."
fi

apt_get() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q "$@"
}

echo "installing:$missing"
if [ -n "$sudo" ]; then
    sudo true || give_up "Packages are missing, and sudo does not let you install them."
fi
# The demo runs nginx by itself: the service of Debian's package, on port 80, is not to start, now
# or at boot. The mask is gone after the next boot at the latest.
has_service=false
case $missing in
*nginx-light*) [ ! -d /run/systemd/system ] || has_service=true ;;
esac
nginx_service() {
    if $has_service; then
        $sudo systemctl --quiet "$@" nginx.service 2>/dev/null || true
    fi
}

apt_get update || echo "Not all package lists could be had: going on with those that are there." >&2
choose_browser
trap 'nginx_service --runtime unmask' EXIT
trap 'exit 130' INT TERM HUP
nginx_service --runtime mask
# shellcheck disable=SC2086
apt_get install -y --no-install-recommends $missing ||
    give_up "Not all packages could be installed."
nginx_service --runtime unmask
nginx_service disable
