/* echo_server.c - sends back what it is sent, to any number of clients at once.
 *
 *     echo_server [PORT [SECONDS]]     port 7000 and 5 seconds if none are given
 *     nc localhost 7000                in another terminal; as many as you like
 *
 * Each client has a task of its own, which reads and writes as if it were alone. Ctrl-C or SIGTERM
 * ends it: no client is accepted any more, and those that are there have SECONDS to finish. Another
 * Ctrl-C does not wait for them.
 */
#include <coil.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    long port;
    long grace; /* in seconds */
};

/* One client: runs until it hangs up. The stream is closed when the function returns, and an error
 * that it returns is printed. */
static int serve_client(struct coil_stream *stream, void *user)
{
    char buf[4096];
    ssize_t size;

    (void)user;
    while ((size = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        /* Waits when the client reads more slowly than it writes: memory does not grow. */
        ssize_t rc = coil_stream_write(stream, buf, (size_t)size);

        if (rc < 0) {
            return (int)rc;
        }
    }
    return (int)size; /* 0: it hung up; negative: an error */
}

/* The first task: serves until it is told to end, then lets the clients finish. */
static int amain(void *arg)
{
    static const int endings[] = {SIGINT, SIGTERM};
    const struct options *options = arg;
    struct coil_signal_watch watch = {0};
    struct coil_server *server;
    int rc =
        coil_start_server("localhost", (uint16_t)options->port, NULL, serve_client, NULL, &server);

    if (rc < 0 || (rc = coil_signal_open(&watch, endings, 2)) < 0) {
        return rc;
    }
    printf("echoing on port %ld\n", options->port);
    fflush(stdout);
    coil_signal_next(&watch);
    coil_signal_close(&watch); /* the next Ctrl-C cancels this task, and with it the shutdown */
    rc = coil_server_shutdown(server, options->grace * COIL_SEC);
    if (rc == -ETIMEDOUT) {
        printf("the rest was cut off\n");
        rc = 0;
    }
    return rc;
}

/* A number between least and most; -1 when the text is none. */
static long parse(const char *text, long least, long most)
{
    char *end;
    long number = strtol(text, &end, 10);

    return end == text || *end || number < least || number > most ? -1 : number;
}

int main(int argc, char **argv)
{
    struct options options = {.port = 7000, .grace = 5};
    int rc;

    if (argc > 1) {
        options.port = parse(argv[1], 1, 65535);
    }
    if (argc > 2) {
        options.grace = parse(argv[2], 0, 86400);
    }
    if (options.port < 0 || options.grace < 0) {
        fprintf(stderr, "usage: echo_server [PORT [SECONDS]]\n");
        return 2;
    }
    rc = coil_run(amain, &options);
    if (rc < 0 && rc != -EINTR) {
        fprintf(stderr, "echo_server: %s\n", coil_strerror(rc));
        return 1;
    }
    return 0;
}
