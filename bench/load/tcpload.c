/*
 * bench/load/tcpload.c - the one load client for all echo servers.
 *
 *     tcpload HOST PORT CONNECTIONS SIZE SECONDS [--pid PID] [--warmup S] [--requests N]
 *     tcpload idle HOST PORT CONNECTIONS [--pid PID] [--hold S]
 *
 * Load: each connection keeps one request of SIZE bytes outstanding; every byte that comes back is
 * compared. After the warm-up the window of SECONDS (or of N requests: then without warm-up, for
 * counting instructions) is measured: requests, req/s, latency from a log-bucket histogram (64
 * buckets per power of two, so within 1.6 %), the server's CPU time per request (the process's CPU
 * clock, all threads, in ns) and its RSS. Idle: opens the connections, sends one message on each,
 * holds, and reports how much the server's RSS has grown per connection.
 *
 * Built with -DLOAD_TLS it is tlsload: the same over TLS (1.3, any certificate); with
 * -DLOAD_WEBSOCKET wsload: a message of at most 125 bytes is a binary frame each (RFC 6455; the mask
 * is four zeros).
 *
 * One thread, edge-triggered epoll, nothing allocated once the connections are open. Prints one
 * line of key=value; exits with 1 and a sentence if a server misbehaves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"

#define EVENTS 1024
#define SCRATCH_SIZE ((size_t)256 * 1024)
#define PATTERN_SLACK ((size_t)4096)
#define OPEN_WAVE 64
#define SUB_BITS 6
#define BUCKETS ((64 - SUB_BITS + 1) << SUB_BITS)
#define STALL_NS (10 * NSEC_PER_SEC)

struct conn {
    int fd;
    void *tls; /* SSL, in tlsload */
    uint32_t sequence;
    const char *message; /* of the outstanding request: a slice of the pattern */
    size_t sent, received;
    int64_t start_ns;
};

struct options {
    struct sockaddr_in addr;
    int conn_count;
    size_t size;
    int64_t window_ns, warmup_ns, hold_ns;
    long requests;
    pid_t pid;
    int is_idle;
};

struct memory {
    long rss_kib, peak_kib;
};

static struct options opt;
static struct conn *conns;
static int epoll_fd;
static char *pattern;
static char scratch[SCRATCH_SIZE];
static uint64_t histogram[BUCKETS];
static uint64_t completed; /* round trips since the start, warm-up and all */
static int is_repeating;   /* a finished request is followed by the next */

static __attribute__((noreturn)) void die(const char *what, int error)
{
    fprintf(stderr, "tcpload: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
    exit(1);
}

/* ---- the server seen from outside ------------------------------------------------------------ */

static struct memory memory_of(pid_t pid)
{
    struct memory memory = {-1, -1};
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = pid ? fopen(path, "r") : NULL;
    while (file && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "VmRSS: %ld", &memory.rss_kib);
        (void)sscanf(line, "VmHWM: %ld", &memory.peak_kib);
    }
    if (file) {
        fclose(file);
    }
    return memory;
}

/* ---- histogram ------------------------------------------------------------------------------- */

static inline unsigned bucket_of(uint64_t ns)
{
    unsigned shift;

    if (ns < (1u << SUB_BITS)) {
        return (unsigned)ns;
    }
    shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (unsigned)((ns >> shift) - (1u << SUB_BITS));
}

/* The middle of a bucket, in ns. */
static double bucket_value(unsigned bucket)
{
    unsigned shift;
    uint64_t low;

    if (bucket < (1u << SUB_BITS)) {
        return bucket;
    }
    shift = (bucket >> SUB_BITS) - 1;
    low = (uint64_t)((1u << SUB_BITS) + (bucket & ((1u << SUB_BITS) - 1))) << shift;
    return (double)low + (double)((uint64_t)1 << shift) / 2.0;
}

static double percentile_us(double share)
{
    uint64_t total = 0, seen = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        total += histogram[i];
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (total && (double)seen >= share * (double)total) {
            return bucket_value(i) / 1000.0;
        }
    }
    return 0;
}

/* ---- bytes: plain, or over TLS --------------------------------------------------------------- */

#ifdef LOAD_TLS
#include <openssl/ssl.h>

static SSL_CTX *ssl_ctx;

/* Like the system's call: -1 and EAGAIN, or another error. */
static ssize_t tls_result(SSL *ssl, int rc, size_t count)
{
    int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, rc);

    if (error == SSL_ERROR_NONE) {
        return (ssize_t)count;
    }
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t put(struct conn *conn, const char *data, size_t size)
{
    size_t count = 0;
    int rc = SSL_write_ex(conn->tls, data, size, &count);

    return tls_result(conn->tls, rc, count);
}

static ssize_t get(struct conn *conn, char *buf, size_t size)
{
    size_t count = 0;
    int rc = SSL_read_ex(conn->tls, buf, size, &count);

    return tls_result(conn->tls, rc, count);
}

/* While the socket still blocks. */
static void conn_secure(struct conn *conn)
{
    if (!ssl_ctx) {
        ssl_ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(ssl_ctx, 1);
    }
    conn->tls = SSL_new(ssl_ctx);
    if (!conn->tls || !SSL_set_fd(conn->tls, conn->fd) || SSL_connect(conn->tls) <= 0) {
        die("the TLS handshake has failed", 0);
    }
}
#elif defined LOAD_WEBSOCKET
enum { FRAME_HEAD = 2, FRAME_MASK = 4, FRAME_MAX = 125 };

/* Frames are small: they come and go as a whole, or not at all. */
static ssize_t put(struct conn *conn, const char *data, size_t size)
{
    char frame[FRAME_HEAD + FRAME_MASK + FRAME_MAX] = {(char)0x82, (char)(0x80 | size)};
    size_t all = FRAME_HEAD + FRAME_MASK + size;
    ssize_t n;

    memcpy(frame + FRAME_HEAD + FRAME_MASK, data, size);
    n = send(conn->fd, frame, all, MSG_NOSIGNAL);
    if (n >= 0 && (size_t)n < all) {
        die("a frame does not fit", 0);
    }
    return n < 0 ? n : (ssize_t)size;
}

static ssize_t get(struct conn *conn, char *buf, size_t size)
{
    ssize_t n = recv(conn->fd, buf, size, 0);

    if (n > 0 && (n != (ssize_t)(FRAME_HEAD + opt.size) || (uint8_t)buf[0] != 0x82 ||
                  (size_t)buf[1] != opt.size)) {
        die("no frame of that size came back", 0);
    }
    if (n > 0) {
        n -= FRAME_HEAD;
        memmove(buf, buf + FRAME_HEAD, (size_t)n);
    }
    return n;
}

/* While the socket still blocks. */
static void conn_secure(struct conn *conn)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    char answer[1024];
    size_t size = 0;
    ssize_t n = send(conn->fd, request, sizeof request - 1, MSG_NOSIGNAL);

    while (n > 0 && !(size >= 4 && memcmp(answer + size - 4, "\r\n\r\n", 4) == 0)) {
        n = size < sizeof answer ? recv(conn->fd, answer + size, sizeof answer - size, 0) : 0;
        size += n > 0 ? (size_t)n : 0;
    }
    if (n <= 0 || size < 12 || memcmp(answer, "HTTP/1.1 101", 12) != 0) {
        die("the server does not speak WebSocket", n < 0 ? errno : 0);
    }
}
#else
static inline ssize_t put(struct conn *conn, const char *data, size_t size)
{
    return send(conn->fd, data, size, MSG_NOSIGNAL);
}

static inline ssize_t get(struct conn *conn, char *buf, size_t size)
{
    return recv(conn->fd, buf, size, 0);
}

static inline void conn_secure(struct conn *conn)
{
    (void)conn;
}
#endif

/* ---- connections ----------------------------------------------------------------------------- */

static void conn_send(struct conn *conn)
{
    while (conn->sent < opt.size) {
        ssize_t n = put(conn, conn->message + conn->sent, opt.size - conn->sent);
        if (n < 0) {
            if (errno == EAGAIN) {
                return; /* EPOLLOUT brings us back */
            }
            die("send", errno);
        }
        conn->sent += (size_t)n;
    }
}

/* Another slice of the pattern each time, so that a stale or foreign echo is noticed. */
static inline void conn_request(struct conn *conn, int64_t now)
{
    uint32_t hash = (uint32_t)(conn - conns) * 2654435761u + conn->sequence++ * 40503u;

    conn->message = pattern + (hash >> 7) % PATTERN_SLACK;
    conn->sent = 0;
    conn->received = 0;
    conn->start_ns = now;
    conn_send(conn);
}

static inline void conn_finish(struct conn *conn)
{
    int64_t now = now_ns();

    histogram[bucket_of((uint64_t)(now - conn->start_ns))]++;
    completed++;
    if (is_repeating) {
        conn_request(conn, now);
    }
}

static void conn_receive(struct conn *conn)
{
    for (;;) {
        size_t missing = conn->sequence ? opt.size - conn->received : 0;
        ssize_t n = get(conn, scratch, SCRATCH_SIZE);

        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            die(n ? "recv" : "the server closed a connection", n ? errno : 0);
        }
        if ((size_t)n > missing || (size_t)n > conn->sent - conn->received) {
            die("more bytes came back than were sent", 0);
        }
        if (memcmp(scratch, conn->message + conn->received, (size_t)n) != 0) {
            die("wrong bytes came back", 0);
        }
        conn->received += (size_t)n;
        if (conn->received == opt.size) {
            conn_finish(conn);
            return; /* all of it is read: what comes next is a new edge */
        }
        if (!conn->tls && (size_t)n < SCRATCH_SIZE) {
            return;
        }
    }
}

static void poll_once(int timeout_ms)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);

    if (count < 0 && errno != EINTR) {
        die("epoll_wait", errno);
    }
    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;

        if (conn->sent < opt.size) {
            conn_send(conn);
        }
        if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
            conn_receive(conn);
        }
    }
}

static void wait_until_completed(uint64_t goal)
{
    uint64_t last = completed;
    int64_t deadline = now_ns() + STALL_NS;

    while (completed < goal) {
        poll_once(100);
        if (completed != last) {
            last = completed;
            deadline = now_ns() + STALL_NS;
        } else if (now_ns() > deadline) {
            die("the server has answered nothing for 10 s", 0);
        }
    }
}

static void conn_open(struct conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = conn};
    int one = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        die("socket", errno);
    }
    if (connect(conn->fd, (struct sockaddr *)&opt.addr, sizeof opt.addr)) {
        die("connect", errno);
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn_secure(conn);
    /* Nonblocking only now: a blocking connect needs no state. */
    if (fcntl(conn->fd, F_SETFL, O_NONBLOCK)) {
        die("fcntl", errno);
    }
    conn->sent = opt.size; /* nothing to send yet */
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event)) {
        die("epoll_ctl", errno);
    }
}

/* Opens all connections in waves, one echo on each, so that no listen queue overflows. */
static void open_all(void)
{
    for (int first = 0; first < opt.conn_count; first += OPEN_WAVE) {
        int end = first + OPEN_WAVE < opt.conn_count ? first + OPEN_WAVE : opt.conn_count;

        for (int i = first; i < end; i++) {
            conn_open(&conns[i]);
            conn_request(&conns[i], now_ns());
        }
        wait_until_completed((uint64_t)end);
    }
}

/* ---- the two modes --------------------------------------------------------------------------- */

static void run_for(int64_t duration_ns)
{
    int64_t now = now_ns(), end = now + duration_ns, deadline = now + STALL_NS;
    uint64_t last = completed;

    while (now < end) {
        poll_once(100);
        now = now_ns();
        if (completed != last) {
            last = completed;
            deadline = now + STALL_NS;
        } else if (now > deadline) {
            die("the server has answered nothing for 10 s", 0);
        }
    }
}

static void run_load(void)
{
    int64_t start, wall, server_cpu, client_cpu;
    uint64_t first, count;
    struct memory memory;

    is_repeating = 1;
    for (int i = 0; i < opt.conn_count; i++) {
        conn_request(&conns[i], now_ns());
    }
    if (!opt.requests) {
        run_for(opt.warmup_ns);
    }
    memset(histogram, 0, sizeof histogram);
    first = completed;
    server_cpu = cpu_ns(opt.pid);
    client_cpu = cpu_ns(getpid());
    start = now_ns();
    if (opt.requests) {
        wait_until_completed(first + (uint64_t)opt.requests);
    } else {
        run_for(opt.window_ns);
    }
    wall = now_ns() - start;
    client_cpu = cpu_ns(getpid()) - client_cpu;
    server_cpu = opt.pid ? cpu_ns(opt.pid) - server_cpu : -1;
    count = completed - first;
    memory = memory_of(opt.pid);
    printf("item=echo connections=%d size=%zu requests=%llu rps=%.0f p50_us=%.1f p99_us=%.1f "
           "cpu_us=%.3f client_cpu_us=%.3f rss_kib=%ld peak_kib=%ld\n",
           opt.conn_count, opt.size, (unsigned long long)count,
           (double)count / ((double)wall / 1e9), percentile_us(0.5), percentile_us(0.99),
           server_cpu < 0 || !count ? -1.0 : (double)server_cpu / 1000.0 / (double)count,
           count ? (double)client_cpu / 1000.0 / (double)count : -1.0, memory.rss_kib,
           memory.peak_kib);
}

static void run_idle(struct memory before)
{
    struct memory after;

    for (int64_t end = now_ns() + opt.hold_ns; now_ns() < end;) {
        poll_once(50);
    }
    after = memory_of(opt.pid);
    printf("item=idle connections=%d rss_before_kib=%ld rss_kib=%ld peak_kib=%ld "
           "kib_per_connection=%.3f\n",
           opt.conn_count, before.rss_kib, after.rss_kib, after.peak_kib,
           (double)(after.rss_kib - before.rss_kib) / opt.conn_count);
}

/* ---- the command line ------------------------------------------------------------------------ */

static __attribute__((noreturn)) void usage(void)
{
    fprintf(stderr, "usage: tcpload HOST PORT CONNECTIONS SIZE SECONDS [--pid PID] [--warmup S] "
                    "[--requests N]\n"
                    "       tcpload idle HOST PORT CONNECTIONS [--pid PID] [--hold S]\n");
    exit(2);
}

static void parse_args(int argc, char **argv)
{
    const char *plain[6] = {0};
    int count = 0, i = 1;

    opt.warmup_ns = NSEC_PER_SEC / 2;
    opt.hold_ns = NSEC_PER_SEC;
    opt.is_idle = argc > 1 && !strcmp(argv[1], "idle");
    for (i += opt.is_idle; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strncmp(argv[i], "--", 2) != 0) {
            if (count == 5) {
                usage();
            }
            plain[count++] = argv[i];
            continue;
        }
        if (!value) {
            usage();
        } else if (!strcmp(argv[i], "--pid")) {
            opt.pid = (pid_t)atol(value);
        } else if (!strcmp(argv[i], "--warmup")) {
            opt.warmup_ns = (int64_t)(atof(value) * 1e9);
        } else if (!strcmp(argv[i], "--hold")) {
            opt.hold_ns = (int64_t)(atof(value) * 1e9);
        } else if (!strcmp(argv[i], "--requests")) {
            opt.requests = atol(value);
        } else {
            usage();
        }
        i++;
    }
    if (count != (opt.is_idle ? 3 : 5)) {
        usage();
    }
    opt.addr.sin_family = AF_INET;
    opt.addr.sin_port = htons((uint16_t)atoi(plain[1]));
    opt.conn_count = atoi(plain[2]);
    opt.size = opt.is_idle ? 64 : (size_t)atol(plain[3]);
    opt.window_ns = opt.is_idle ? 0 : (int64_t)(atof(plain[4]) * 1e9);
    if (inet_pton(AF_INET, plain[0], &opt.addr.sin_addr) != 1 || opt.conn_count < 1 ||
        opt.size < 1) {
        usage();
    }
}

static void prepare(void)
{
    struct rlimit limit;
    uint64_t random = 88172645463325252u;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    conns = calloc((size_t)opt.conn_count, sizeof *conns);
    pattern = malloc(opt.size + PATTERN_SLACK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!conns || !pattern || epoll_fd < 0) {
        die("preparing", errno);
    }
    for (size_t i = 0; i < opt.size + PATTERN_SLACK; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        pattern[i] = (char)random;
    }
}

int main(int argc, char **argv)
{
    struct memory before;

    parse_args(argc, argv);
    prepare();
    before = memory_of(opt.pid);
    open_all();
    if (opt.is_idle) {
        run_idle(before);
    } else {
        run_load();
    }
    return 0;
}
