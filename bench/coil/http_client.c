/* http_client.c - many GETs over some connections; linked with libcoil-http.
 *
 *     coil_bench_http_client client PORT [COUNT CONNECTIONS]      from 127.0.0.1
 *
 * Prints "item=client cpu_us= wall_us= rps=" of one request on average. Written as a
 * user would: public headers only, a session, and as many tasks as there are connections.
 */
#include <coil.h>
#include <coil/http_client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct work {
    struct coil_http_session *session;
    const char *url;
    unsigned long left;
    unsigned long long bytes;
    unsigned long failed;
};

static struct work work;

static int worker(void *arg)
{
    (void)arg;
    while (work.left > 0) {
        struct coil_http_response *response;
        int rc;

        work.left--;
        rc = coil_http_get(work.session, work.url, &response);
        if (rc < 0) {
            work.failed++;
            continue;
        }
        work.failed += coil_http_response_status(response) != 200;
        work.bytes += (unsigned long long)coil_http_response_read_all(response, NULL);
        coil_http_response_close(response);
    }
    return 0;
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int measure(void *arg)
{
    const char *const *argv = arg;
    unsigned long count = strtoul(argv[3], NULL, 10);
    unsigned connections = (unsigned)strtoul(argv[4], NULL, 10);
    char url[64];
    struct coil_http_session_options options = {.max_connections = connections};
    struct coil_group group = {0};
    double wall;
    double cpu;
    int rc = coil_http_session_new(&options, &work.session);

    if (rc < 0) {
        return rc;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%.5s/", argv[2]);
    work.url = url;
    work.left = count;
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    coil_group_open(&group);
    for (unsigned i = 0; i < connections; i++) {
        coil_group_spawn(&group, worker, NULL);
    }
    rc = coil_group_close(&group);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    coil_http_session_close(work.session);
    printf("item=client cpu_us=%.3f wall_us=%.3f rps=%.0f failed=%lu\n", cpu * 1e6 / (double)count,
           wall * 1e6 / (double)count, (double)count / wall, work.failed);
    return rc < 0 ? rc : work.failed ? -COIL_EINCOMPLETE : 0;
}

int main(int argc, char **argv)
{
    const char *all[] = {"", "client", "", "10000", "64"};

    if (argc < 3 || argc > 5 || strcmp(argv[1], "client") != 0) {
        fprintf(stderr, "usage: coil_bench_http_client client PORT [COUNT CONNECTIONS]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        all[i] = argv[i];
    }
    return coil_run(measure, all) < 0;
}
