#!/bin/sh
# Installs the library, its headers and its pkg-config file out of build/, after `make`.
#
#     [PREFIX=/usr/local] [LIBDIR=lib] [DESTDIR=] scripts/install.sh      `make install` does both
#
# LIBDIR is not left to meson: where dpkg-dev is missing it says lib64, and there neither
# pkg-config nor the loader of a Debian looks.
set -eu
cd "$(dirname "$0")/.."

meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson

absolute() {
    case $1 in
    '' | /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
    esac
}
prefix=$(absolute "${PREFIX:-/usr/local}")
libdir=${LIBDIR:-lib}
DESTDIR=$(absolute "${DESTDIR:-}")
export DESTDIR

# The part of the way there that exists.
place=$DESTDIR$prefix
while [ ! -e "$place" ]; do
    place=$(dirname "$place")
done
if [ ! -w "$place" ]; then
    echo "$place is not yours to write to: become root (sudo make install)," \
        "or choose another PREFIX or DESTDIR." >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
    "$meson" configure build --prefix "$prefix" --libdir "$libdir" &&
        ninja -C build &&
        "$meson" install -C build --no-rebuild
} >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

# Root leaves nothing of its own in another user's build folder, and tells the loader.
if [ "$(id -u)" = 0 ]; then
    chown -R --reference=. build || true
    [ -n "$DESTDIR" ] || ldconfig || true
fi
echo "installed in $DESTDIR$prefix"
