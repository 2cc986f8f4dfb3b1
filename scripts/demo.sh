#!/bin/sh
# Shows what the library is for: a hundred fetches of one second in one second; then real pages
# from a real web server that takes 100 ms for each, one by one and all at once; then a crawler that
# finds the broken links of a small site of the same server; then an API for notes, asked by curl.
#
#     scripts/demo.sh [BUILD_FOLDER]      after `make`; `make demo` does both
#
# COIL_DEMO_PAGES: how many pages, 200 if unset.
set -eu
cd "$(dirname "$0")/.."

build=${1:-build}
pages=${COIL_DEMO_PAGES:-200}
module=/usr/lib/nginx/modules/ngx_http_echo_module.so
work=$(mktemp -d)
server=
api=

stop() {
    trap - EXIT INT TERM HUP
    for process in $server $api; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM HUP

say() {
    printf '\n%s\n' "$*"
}

fail() {
    echo "scripts/demo.sh: $*" >&2
    exit 1
}

# --- nginx in the foreground, all of its files in the work folder ---

nginx=$(command -v nginx || command -v /usr/sbin/nginx) || fail "nginx is not installed"
[ -f "$module" ] || fail "nginx has no echo module: install libnginx-mod-http-echo"

# Root hands it over to nobody, where that is allowed.
run_as=
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    run_as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    chown 65534:65534 "$work"
fi

write_config() {
    cat >"$work/nginx.conf" <<END
load_module $module;
daemon off;
master_process off;
pid $work/pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$1 backlog=1024;
        location / {
            default_type text/html;
            echo_sleep 0.1;
            echo "<p>This is page \$uri.</p>";
        }
        location /site/ {
            default_type text/html;
            alias $work/site/;
        }
        location = /robots.txt {
            default_type text/plain;
            return 200 "User-agent: *\nDisallow: /site/private/\n";
        }
        location = /site/old.html {
            return 301 /site/index.html;
        }
    }
}
END
    chmod 644 "$work/nginx.conf"
}

# It answers, or it has ended (its port is taken, say).
wait_until_up() {
    tries=0
    while kill -0 "$server" 2>/dev/null; do
        if curl -s -o /dev/null --noproxy '*' "http://127.0.0.1:$1/" 2>/dev/null; then
            return 0
        fi
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.05
    done
    return 1
}

start_server() {
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + ($$ * 7 + attempt * 1009) % 12000))
        write_config "$port"
        # shellcheck disable=SC2086
        $run_as "$nginx" -e "$work/error.log" -c "$work/nginx.conf" -p "$work" \
            >"$work/output" 2>&1 &
        server=$!
        if wait_until_up "$port"; then
            return 0
        fi
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
        run_as= # perhaps nobody may not reach the work folder
    done
    cat "$work/output" "$work/error.log" >&2
    fail "nginx does not start"
}

# --- the program ---

say "== A hundred fetches of one second each (examples/gather.c)"
start=$(date +%s%N)
"$build/examples/gather" >"$work/gather" || fail "gather has failed"
end=$(date +%s%N)
head -n 3 "$work/gather"
echo "..."
tail -n 1 "$work/gather"
echo "$start $end" | awk '{ printf "in %.2f seconds, by one thread\n", ($2 - $1) / 1e9 }'

# --- the site ---

# Forty pages that refer to each other, two links that lead nowhere, and one that robots are not to
# follow.
make_site() {
    mkdir "$work/site"
    i=0
    while [ $i -lt 40 ]; do
        echo "<p>Page $i. <a href='page$(((i * 3 + 1) % 40)).html'>one</a>" \
            "<a href='page$(((i + 1) % 40)).html'>another</a> <a href='./'>home</a></p>" \
            >"$work/site/page$i.html"
        i=$((i + 1))
    done
    echo "<a href='page0.html'>begin</a> <a href='old.html'>old</a>" \
        "<a href='private/'>private</a> <img src='no-such-picture.png'>" >"$work/site/index.html"
    echo "<a href='no-such-page.html'>nowhere</a>" >>"$work/site/page7.html"
    chmod -R a+rX "$work/site"
}

# --- the pages ---

make_site
start_server
i=0
while [ $i -lt "$pages" ]; do
    echo "http://127.0.0.1:$port/page/$i"
    i=$((i + 1))
done >"$work/urls"

fetch() {
    "$build/examples/fetch" -q "$@" -f "$work/urls"
}

say "== $pages pages of nginx, which takes 100 ms for each, one by one (examples/fetch)"
fetch -1 >"$work/one" || { cat "$work/one"; fail "not all pages came"; }
cat "$work/one"

say "== The same $pages pages at once"
fetch -j "$pages" >"$work/all" || { cat "$work/all"; fail "not all pages came"; }
head -n 1 "$work/all"

seconds() {
    sed -n 's/^.* bytes in \([0-9.]*\) s$/\1/p' "$1"
}
say "$(echo "$(seconds "$work/one") $(seconds "$work/all")" |
    awk '{ printf "One by one: %.2f s. At once: %.2f s. That is %.0f times as fast.", \
        $1, $2, $1 / $2 }')"

# --- a site ---

if [ -x "$build/examples/crawl" ]; then
    say "== Broken links of a site with 40 pages (examples/crawl)"
    status=0
    no_proxy='*' "$build/examples/crawl" --depth 50 --json "$work/crawl.json" \
        "http://127.0.0.1:$port/site/" || status=$?
    [ $status = 1 ] || fail "crawl ended with $status, and not with 1"
    [ -s "$work/crawl.json" ] || fail "crawl has written no JSON"
fi

# --- an API ---

ask() {
    printf '$ curl %s\n' "$*"
    curl -sS --max-time 20 --noproxy '*' -H 'Content-Type: application/json' "$@" ||
        fail "the API does not answer"
    echo
}

run_api() {
    "$build/examples/api" 0 :memory: >"$work/api" &
    api=$!
    tries=0
    until grep -q listening "$work/api" 2>/dev/null; do
        kill -0 "$api" 2>/dev/null && [ $tries -lt 100 ] || fail "the API does not start"
        tries=$((tries + 1))
        sleep 0.05
    done
    url=$(sed -n 's,^listening on \(http://[^/]*\)/.*$,\1,p' "$work/api")
    ask -d '{"title": "Milk", "text": "two bottles"}' "$url/notes"
    ask -X PUT -d '{"title": "Milk", "done": true}' "$url/notes/1"
    ask "$url/notes?done=true&limit=5"
    ask -d '{"title": "", "colour": "red"}' "$url/notes"
    curl -sS --max-time 20 --noproxy '*' -o "$work/docs" "$url/docs" ||
        fail "there are no documents"
    say "Its documents are at $url/docs, as long as it runs: $build/examples/api 8000"
    kill "$api"
    wait "$api" || fail "the API has not ended well"
    api=
}

if [ -x "$build/examples/api" ]; then
    say "== An API for notes: a database, checked bodies, documents (examples/api)"
    run_api
fi
