/* tls.c - the TLS echo server: a program of its own, as TLS is a library of its own.
 *
 *     coil_bench_tls tls-echo PORT CERTIFICATE_AND_KEY      prints "ready"
 *
 * Written as a user would: public headers only, the default options.
 */
#include <coil.h>
#include <coil/tls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct job {
    uint16_t port;
    const char *file;
};

/* As in echo.c: a connection whose first message is large gets a large buffer. */
static __attribute__((noinline)) int serve_large(struct coil_stream *stream)
{
    char buf[16 * 1024];
    ssize_t count;

    while ((count = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        if (coil_stream_write(stream, buf, (size_t)count) < 0) {
            break;
        }
    }
    return (int)count;
}

static int client(struct coil_stream *stream, void *user)
{
    char buf[1024];
    ssize_t count;

    (void)user;
    while ((count = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        if (coil_stream_write(stream, buf, (size_t)count) < 0) {
            break;
        }
        if (count == sizeof buf) {
            return serve_large(stream);
        }
    }
    return (int)count;
}

static int serve(void *arg)
{
    struct coil_server_options options = {.backlog = 4096};
    struct coil_tls_failure failure;
    struct coil_tls_context_options tls = {.is_server = true, .ret_failure = &failure};
    struct coil_tls_service service = {.client = client};
    const struct job *job = arg;
    struct coil_server *server;
    int rc;

    tls.certificate_file = job->file;
    rc = coil_tls_context_new(&tls, &service.context);
    if (rc < 0) {
        fprintf(stderr, "coil_bench_tls: %s\n", failure.text);
        return rc;
    }
    rc = coil_start_server("127.0.0.1", job->port, &options, coil_tls_client, &service, &server);
    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    return coil_serve_forever(server);
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    struct job job;
    int rc;

    if (argc != 4 || strcmp(argv[1], "tls-echo") != 0) {
        fprintf(stderr, "usage: coil_bench_tls tls-echo PORT CERTIFICATE_AND_KEY\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    job = (struct job){(uint16_t)strtol(argv[2], NULL, 10), argv[3]};
    rc = coil_run(serve, &job);
    if (rc < 0) {
        fprintf(stderr, "coil_bench_tls: %s\n", coil_strerror(rc));
    }
    return rc < 0;
}
