/* websocket.c - WebSockets: an echo server, and many connections that are idle; linked with
 * libcoil-http.
 *
 *     coil_bench_websocket echo PORT            serves on 127.0.0.1, prints "ready"
 *     coil_bench_websocket idle CONNECTIONS     prints what one costs in RSS
 *     coil_bench_websocket load PORT CONNECTIONS SIZE SECONDS PID
 *                                               round trips to an echo server, one at a time each,
 *                                               and the CPU time of that process for each
 *
 * Written as a user would: public headers only, the default options. For `idle` the server is a
 * process of its own, which has answered a message on each connection before it is looked at.
 */
#include <coil.h>
#include <coil/websocket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int echo(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    struct coil_websocket_message message;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    (void)user;
    if (rc <= 0) {
        return rc;
    }
    while ((rc = coil_websocket_receive(ws, &message)) > 0) {
        rc = coil_websocket_send(ws, &message);
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* --- the server --- */

struct serving {
    uint16_t port;
    int told; /* the port is written there; -1: "ready" is printed */
};

static int serve(void *arg)
{
    struct serving *serving = arg;
    struct coil_http_server_options options = {.server.backlog = 4096};
    struct coil_http_server *server;
    int rc = coil_http_server_start("127.0.0.1", serving->port, &options, echo, NULL, &server);
    int port;

    if (rc < 0) {
        return rc;
    }
    port = coil_http_server_get_port(server);
    if (serving->told < 0) {
        printf("ready\n");
        fflush(stdout);
    } else if (write(serving->told, &port, sizeof port) != sizeof port) {
        return -EPIPE;
    }
    coil_sleep(COIL_NEVER);
    coil_shield {
        rc = coil_http_server_close(server, 0);
    }
    return rc;
}

/* --- idle connections --- */

struct idle {
    int port;
    long count;
    pid_t server;
    struct coil_websocket **ws;
};

static long rss_of(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    return kib;
}

static int connect_one(const struct idle *idle, struct coil_websocket **ret_ws)
{
    struct coil_websocket_message message;
    char url[64];
    int rc;

    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", idle->port);
    rc = coil_websocket_connect(url, NULL, ret_ws);
    rc = rc < 0 ? rc : coil_websocket_send_text(*ret_ws, "hello", 5);
    rc = rc < 0 ? rc : coil_websocket_receive(*ret_ws, &message);
    return rc;
}

static int measure(void *arg)
{
    struct idle *idle = arg;
    long before = 0;
    int rc = 1;

    for (long i = 0; i < idle->count && rc > 0; i++) {
        if (i == 1) {
            before = rss_of(idle->server);
        }
        rc = connect_one(idle, &idle->ws[i]);
    }
    if (rc < 0) {
        fprintf(stderr, "%s\n", coil_strerror(rc));
        return rc;
    }
    coil_sleep(COIL_SEC);
    printf("item=idle connections=%ld kib_each=%.2f\n", idle->count,
           (double)(rss_of(idle->server) - before) / (double)(idle->count - 1));
    for (long i = 0; i < idle->count; i++) {
        coil_websocket_free(idle->ws[i]);
    }
    return 0;
}

static int run_idle(long count)
{
    struct idle idle = {.count = count};
    struct serving serving = {.told = -1};
    int pipes[2];
    int rc = 1;

    if (count < 2 || pipe(pipes) < 0) {
        return 1;
    }
    idle.ws = calloc((size_t)count, sizeof(struct coil_websocket *));
    serving.told = pipes[1];
    idle.server = fork();
    if (idle.server == 0) {
        _exit(coil_run(serve, &serving) < 0);
    }
    if (idle.ws && idle.server > 0 && read(pipes[0], &idle.port, sizeof idle.port) > 0) {
        rc = coil_run(measure, &idle) < 0;
    }
    if (idle.server > 0) {
        kill(idle.server, SIGKILL);
        waitpid(idle.server, NULL, 0);
    }
    free(idle.ws);
    return rc;
}

/* --- load --- */

struct load {
    int port;
    int count;
    size_t size;
    int64_t end;
    long messages;
    pid_t server;
};

static int talk(void *arg)
{
    struct load *load = arg;
    struct coil_websocket_message message;
    struct coil_websocket *ws;
    char *data = calloc(1, load->size + 1);
    char url[64];
    int rc;

    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", load->port);
    rc = coil_websocket_connect(url, &(struct coil_websocket_options){.no_deflate = true}, &ws);
    if (rc < 0) {
        free(data);
        return rc;
    }
    while (rc >= 0 && coil_now() < load->end) {
        rc = coil_websocket_send_binary(ws, data, load->size);
        rc = rc < 0 ? rc : coil_websocket_receive(ws, &message);
        load->messages += rc == 1;
    }
    coil_websocket_close(ws, 1000, NULL);
    coil_websocket_free(ws);
    free(data);
    return rc;
}

/* Of all its threads, in seconds. */
static double cpu_of(pid_t pid)
{
    struct timespec time = {0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0) {
        clock_gettime(clock, &time);
    }
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int run_load(void *arg)
{
    struct load *load = arg;
    struct coil_group group = {0};
    int64_t start = coil_now();
    double cpu = cpu_of(load->server);
    int rc;

    load->end += start;
    coil_group_open(&group);
    for (int i = 0; i < load->count; i++) {
        coil_group_spawn(&group, talk, load);
    }
    rc = coil_group_close(&group);
    cpu = cpu_of(load->server) - cpu;
    printf("item=load connections=%d size=%zu messages=%ld rate=%.0f cpu_us=%.3f\n", load->count,
           load->size, load->messages,
           (double)load->messages * COIL_SEC / (double)(coil_now() - start),
           cpu * 1e6 / (double)load->messages);
    return rc;
}

int main(int argc, char **argv)
{
    raise_limit();
    if (argc == 3 && strcmp(argv[1], "echo") == 0) {
        struct serving serving = {.port = (uint16_t)strtoul(argv[2], NULL, 10), .told = -1};

        return coil_run(serve, &serving) < 0;
    }
    if (argc == 3 && strcmp(argv[1], "idle") == 0) {
        return run_idle(strtol(argv[2], NULL, 10));
    }
    if (argc == 7 && strcmp(argv[1], "load") == 0) {
        struct load load = {.port = (int)strtol(argv[2], NULL, 10),
                            .count = (int)strtol(argv[3], NULL, 10),
                            .size = (size_t)strtol(argv[4], NULL, 10),
                            .end = strtol(argv[5], NULL, 10) * COIL_SEC,
                            .server = (pid_t)strtol(argv[6], NULL, 10)};

        return coil_run(run_load, &load) < 0;
    }
    fprintf(stderr,
            "usage: coil_bench_websocket echo PORT | idle N | load PORT N SIZE SECONDS PID\n");
    return 2;
}
