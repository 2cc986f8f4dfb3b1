/*
 * bench/peers/st/bench_st.c - the work items on State Threads (libst-dev).
 *
 *     bench_st yield|create|handover [ops]   ns per operation
 *     bench_st sleep N                       N threads sleep 1 s, all joined; wall and RSS
 *     bench_st echo PORT                     TCP echo, one thread per connection
 *
 * State Threads has no yield: st_usleep(0) goes through the timer heap and the poller. Two threads
 * that wake each other by condition variable run in turn, one switch each, which is its cheapest
 * way to let another run; that is what `yield` measures. It has no channel either: `handover` is a
 * one-slot buffer with two condition variables, as one would write it. Debian builds it without
 * epoll; of select and poll only poll goes beyond 1,024 descriptors.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <st.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (64 * 1024)
#define BUF_SIZE ((size_t)64 * 1024)

struct turn {
    st_cond_t mine, other;
    long count;
};

static st_cond_t slot_free, slot_full;
static int slot_value, slot_is_full;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void report(const char *item, int64_t start_ns, long ops)
{
    printf("item=%s ns=%.3f\n", item, (double)(now_ns() - start_ns) / (double)ops);
}

static st_thread_t spawn(void *(*fn)(void *), void *arg)
{
    st_thread_t thread = st_thread_create(fn, arg, 1, STACK_SIZE);

    if (!thread) {
        die("st_thread_create");
    }
    return thread;
}

static void *take_turns(void *arg)
{
    struct turn *turn = arg;

    for (long i = 0; i < turn->count; i++) {
        st_cond_signal(turn->other);
        st_cond_wait(turn->mine);
    }
    st_cond_signal(turn->other);
    return NULL;
}

static void item_yield(long ops)
{
    st_cond_t a = st_cond_new(), b = st_cond_new();
    struct turn turns[2] = {{a, b, ops / 2}, {b, a, ops / 2}};
    int64_t start = now_ns();
    st_thread_t first = spawn(take_turns, &turns[0]), second = spawn(take_turns, &turns[1]);

    st_thread_join(first, NULL);
    st_thread_join(second, NULL);
    report("yield", start, ops / 2 * 2);
}

static void *count_one(void *arg)
{
    ++*(long *)arg;
    return NULL;
}

static void item_create(long ops)
{
    long count = 0;
    int64_t start = now_ns();

    for (long i = 0; i < ops; i++) {
        st_thread_join(spawn(count_one, &count), NULL);
    }
    report("create", start, ops);
    if (count != ops) {
        exit(1);
    }
}

static void *handover_send(void *arg)
{
    for (long i = 0, n = *(long *)arg; i < n; i++) {
        while (slot_is_full) {
            st_cond_wait(slot_free);
        }
        slot_value = (int)i;
        slot_is_full = 1;
        st_cond_signal(slot_full);
    }
    return NULL;
}

static void *handover_receive(void *arg)
{
    for (long i = 0, n = *(long *)arg; i < n; i++) {
        while (!slot_is_full) {
            st_cond_wait(slot_full);
        }
        if (slot_value != (int)i) {
            abort();
        }
        slot_is_full = 0;
        st_cond_signal(slot_free);
    }
    return NULL;
}

static void item_handover(long ops)
{
    int64_t start;
    st_thread_t sender, receiver;

    slot_free = st_cond_new();
    slot_full = st_cond_new();
    start = now_ns();
    sender = spawn(handover_send, &ops);
    receiver = spawn(handover_receive, &ops);
    st_thread_join(sender, NULL);
    st_thread_join(receiver, NULL);
    report("handover", start, ops);
}

static void *sleep_one(void *arg)
{
    st_usleep(1000000);
    return arg;
}

static void item_sleep(long n)
{
    st_thread_t *threads = malloc((size_t)n * sizeof *threads);
    struct rusage usage;
    int64_t start = now_ns();

    if (!threads) {
        die("malloc");
    }
    for (long i = 0; i < n; i++) {
        threads[i] = spawn(sleep_one, NULL);
    }
    for (long i = 0; i < n; i++) {
        st_thread_join(threads[i], NULL);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("item=sleep n=%ld wall_s=%.3f rss_kib=%ld\n", n, (double)(now_ns() - start) / 1e9,
           usage.ru_maxrss);
}

static void *serve(void *arg)
{
    st_netfd_t conn = arg;
    char *buf = malloc(BUF_SIZE);

    while (buf) {
        ssize_t n = st_read(conn, buf, BUF_SIZE, ST_UTIME_NO_TIMEOUT);
        if (n <= 0 || st_write(conn, buf, (size_t)n, ST_UTIME_NO_TIMEOUT) != n) {
            break;
        }
    }
    free(buf);
    st_netfd_close(conn);
    return NULL;
}

static void item_echo(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    st_netfd_t listener, conn;

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited */
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) || listen(fd, 4096)) {
        die("listen");
    }
    listener = st_netfd_open_socket(fd);
    puts("ready");
    fflush(stdout);
    while ((conn = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT)) != NULL) {
        if (!st_thread_create(serve, conn, 0, STACK_SIZE)) {
            die("st_thread_create");
        }
    }
    die("st_accept");
}

int main(int argc, char **argv)
{
    const char *item = argc > 1 ? argv[1] : "";
    long count = argc > 2 ? atol(argv[2]) : 0;
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
    if (st_set_eventsys(ST_EVENTSYS_POLL) || st_init()) {
        die("st_init");
    }
    if (!strcmp(item, "yield")) {
        item_yield(count > 0 ? count : 20000000);
    } else if (!strcmp(item, "create")) {
        item_create(count > 0 ? count : 5000000);
    } else if (!strcmp(item, "handover")) {
        item_handover(count > 0 ? count : 20000000);
    } else if (!strcmp(item, "sleep")) {
        item_sleep(count > 0 ? count : 100000);
    } else if (!strcmp(item, "echo") && count > 0) {
        item_echo((int)count);
    } else {
        fprintf(stderr, "usage: bench_st yield|create|handover|sleep [count] | echo PORT\n");
        return 2;
    }
    return 0;
}
