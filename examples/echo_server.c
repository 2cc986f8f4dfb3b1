/* echo_server.c - sends back what it is sent, to any number of clients at once.
 *
 *     echo_server [PORT]          7000 if none is given
 *     nc localhost 7000           in another terminal; as many as you like
 *
 * Each client has a task of its own, which reads and writes as if it were alone. Ctrl-C ends it.
 */
#include <coil.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

/* The first task: serves until Ctrl-C cancels it. */
static int amain(void *arg)
{
    uint16_t *port = arg;

    printf("echoing on port %d\n", *port);
    fflush(stdout);
    return coil_serve("localhost", *port, NULL, serve_client, NULL);
}

int main(int argc, char **argv)
{
    long number = argc > 1 ? strtol(argv[1], NULL, 10) : 7000;
    uint16_t port = (uint16_t)number;
    int rc;

    if (number < 1 || number > 65535) {
        fprintf(stderr, "usage: echo_server [PORT]\n");
        return 2;
    }
    rc = coil_run(amain, &port);
    if (rc < 0 && rc != -EINTR) {
        fprintf(stderr, "echo_server: %s\n", coil_strerror(rc));
        return 1;
    }
    return 0;
}
