/*
 * bench/peers/libuv/bench_libuv.c - echo and child processes on libuv (libuv1-dev); libuv has
 * callbacks and no tasks, so the other work items have no counterpart.
 *
 *     bench_libuv echo PORT     TCP
 *     bench_libuv udp PORT      datagrams, received by recvmmsg
 *     bench_libuv spawn [ops]   /bin/true, one at a time
 *
 * All connections read into one buffer (its alloc callback is made for that), and the reply is
 * tried at once with uv_try_write; only what the socket does not take is copied and queued.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "../../limits/raw.h"

#define BUF_SIZE ((size_t)64 * 1024)

struct pending {
    uv_write_t req;
    char bytes[];
};

static char shared_buf[BUF_SIZE];

static void check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(rc));
        exit(1);
    }
}

static void on_close(uv_handle_t *handle)
{
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested_size;
    *buf = uv_buf_init(shared_buf, BUF_SIZE);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status; /* a broken connection shows in the read callback */
    free(req);
}

static void write_rest(uv_stream_t *stream, const char *bytes, size_t size)
{
    struct pending *pending = malloc(sizeof *pending + size);
    uv_buf_t buf;

    if (!pending) {
        abort();
    }
    memcpy(pending->bytes, bytes, size);
    buf = uv_buf_init(pending->bytes, (unsigned)size);
    if (uv_write(&pending->req, stream, &buf, 1, on_written)) {
        free(pending);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    uv_buf_t out;
    int sent;

    if (size == 0) {
        return;
    }
    if (size < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    out = uv_buf_init(buf->base, (unsigned)size);
    sent = uv_try_write(stream, &out, 1);
    if (sent == UV_EAGAIN) {
        sent = 0;
    }
    if (sent >= 0 && sent < size) {
        write_rest(stream, buf->base + sent, (size_t)(size - sent));
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *conn = malloc(sizeof *conn);

    check(status, "connection");
    if (!conn) {
        abort();
    }
    check(uv_tcp_init(listener->loop, conn), "uv_tcp_init");
    check(uv_accept(listener, (uv_stream_t *)conn), "uv_accept");
    uv_tcp_nodelay(conn, 1);
    check(uv_read_start((uv_stream_t *)conn, on_alloc, on_read), "uv_read_start");
}

/* ---- datagrams ------------------------------------------------------------------------------- */

/* 20 datagrams of 64 KiB are the least that libuv calls recvmmsg for. */
static char datagrams[20 * BUF_SIZE];

static void on_datagram_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested_size;
    *buf = uv_buf_init(datagrams, sizeof datagrams);
}

static void on_datagram(uv_udp_t *udp, ssize_t size, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    uv_buf_t out = uv_buf_init(buf->base, size > 0 ? (unsigned)size : 0);

    (void)flags;
    if (size >= 0 && from) {
        (void)uv_udp_try_send(udp, &out, 1, from);
    }
}

static int serve_udp(uv_loop_t *loop, int port)
{
    struct sockaddr_in addr;
    uv_udp_t udp;

    uv_ip4_addr("127.0.0.1", port, &addr);
    check(uv_udp_init_ex(loop, &udp, AF_INET | UV_UDP_RECVMMSG), "uv_udp_init_ex");
    check(uv_udp_bind(&udp, (const struct sockaddr *)&addr, 0), "uv_udp_bind");
    check(uv_udp_recv_start(&udp, on_datagram_alloc, on_datagram), "uv_udp_recv_start");
    puts("ready");
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- child processes ------------------------------------------------------------------------- */

static long spawns_left;
static uv_process_t process;

static void spawn_one(uv_loop_t *loop);

static void on_process_closed(uv_handle_t *handle)
{
    if (--spawns_left > 0) {
        spawn_one(handle->loop);
    }
}

static void on_ended(uv_process_t *handle, int64_t status, int signum)
{
    check(status == 0 && signum == 0 ? 0 : UV_ECANCELED, "child");
    uv_close((uv_handle_t *)handle, on_process_closed);
}

static void spawn_one(uv_loop_t *loop)
{
    char *argv[] = {(char[]){"/bin/true"}, NULL};
    uv_process_options_t options = {.file = argv[0], .args = argv, .exit_cb = on_ended};

    check(uv_spawn(loop, &process, &options), "uv_spawn");
}

static int spawn_many(uv_loop_t *loop, long count)
{
    uint64_t start = uv_hrtime();
    int rc;

    spawns_left = count;
    spawn_one(loop);
    rc = uv_run(loop, UV_RUN_DEFAULT);
    printf("item=spawn ns=%.3f cpu_ns=%.3f\n", (double)(uv_hrtime() - start) / (double)count,
           (double)cpu_now_ns() / (double)count);
    return rc;
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in addr;
    struct rlimit limit;
    uv_tcp_t listener;

    if (argc >= 2 && !strcmp(argv[1], "spawn")) {
        return spawn_many(loop, argc > 2 ? atol(argv[2]) : 1500);
    }
    if (argc == 3 && !strcmp(argv[1], "udp")) {
        return serve_udp(loop, atoi(argv[2]));
    }
    if (argc != 3 || strcmp(argv[1], "echo")) {
        fprintf(stderr, "usage: bench_libuv echo PORT|udp PORT|spawn [count]\n");
        return 2;
    }
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
    uv_ip4_addr("127.0.0.1", atoi(argv[2]), &addr);
    check(uv_tcp_init(loop, &listener), "uv_tcp_init");
    check(uv_tcp_bind(&listener, (const struct sockaddr *)&addr, 0), "uv_tcp_bind");
    check(uv_listen((uv_stream_t *)&listener, 4096, on_connection), "uv_listen");
    puts("ready");
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
