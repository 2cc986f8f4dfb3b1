/* open_at_exit.c - a timer, a server and a child process that are still there when the loop ends.
 *
 * The loop closes them all, and ends the child. In debug mode each is reported with the line that
 * has opened it.
 */
#include <coil.h>
#include <stdio.h>

static struct coil_handle heartbeat;

static void beat(void *user)
{
    (void)user;
}

static int serve_nobody(struct coil_stream *stream, void *user)
{
    (void)stream;
    (void)user;
    return 0;
}

static int start_server(void)
{
    struct coil_server *server;

    return coil_start_server("127.0.0.1", 0, NULL, serve_nobody, NULL, &server);
}

static int start_child(void)
{
    const char *const argv[] = {"sleep", "60", NULL};
    struct coil_process *child;

    return coil_process_spawn(NULL, argv, &child);
}

static int amain(void *arg)
{
    int rc = coil_call_later(coil_loop_current(), &heartbeat, COIL_MINUTE, beat, NULL);

    (void)arg;
    rc = rc < 0 ? rc : start_server();
    rc = rc < 0 ? rc : start_child();
    return rc; /* missing: coil_handle_cancel, coil_server_close and coil_process_close */
}

int main(void)
{
    return coil_run(amain, NULL) < 0;
}
