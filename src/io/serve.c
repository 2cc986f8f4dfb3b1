/* serve.c - servers: listening sockets, a task that accepts on each, a task per client.
 *
 * The server owns its tasks: acceptors and clients tell it of their end, and their descriptors and
 * streams are closed there, so that a task that is cancelled before its first step leaves nothing
 * open. `is_idle` is set while none of them is left; `has_room` while another client may come.
 */
#include "io/address.h"
#include "io/net.h"
#include "io/stream.h"

#include "base/memory.h"
#include "loop/ledger.h"

#include <coil/event.h>
#include <coil/server.h>

#include <errno.h>

enum { MAX_SOCKETS = 16 };

struct acceptor {
    struct coil__owner owner;
    struct coil_server *server;
    struct coil_task *task; /* NULL once it has ended */
    int fd;
};

struct coil_server {
    struct coil__list link; /* in io->servers */
    struct coil_loop *loop;
    struct coil_server_options options;
    coil_client_fn client;
    void *user;
    struct coil__owner owner;  /* of the clients */
    struct coil__list clients; /* of coil_task.owner_link */
    size_t client_count;
    struct acceptor acceptors[MAX_SOCKETS];
    size_t acceptor_count;
    size_t running_acceptors;
    struct coil_event is_idle;
    struct coil_event has_room;
    bool is_unix;
    bool is_stopping;
    bool is_closing;               /* a task waits in coil_server_close */
    bool has_closed_clients;       /* has closed or aborted streams of theirs */
    bool turns_away;               /* has stopped, then ended its clients: nobody may follow */
    struct coil__socket_file file; /* of a unix socket */
    int port;
};

struct client_args {
    struct coil_server *server;
    struct coil_stream *stream;
};

static bool is_full(const struct coil_server *server)
{
    size_t max = server->options.max_clients;

    return max > 0 && server->client_count >= max;
}

static void update(struct coil_server *server)
{
    if (server->client_count == 0 && server->running_acceptors == 0) {
        coil_event_set(&server->is_idle);
    }
    if (is_full(server)) {
        coil_event_clear(&server->has_room);
    } else {
        coil_event_set(&server->has_room);
    }
}

static void report(const struct coil_server *server, const char *message, int error)
{
    struct coil_report report = {.message = message, .error = error};

    coil__loop_report(server->loop, &report);
}

/* --- clients --- */

/* NULL once it is closed: the handle could by then belong to another stream. */
static struct coil_stream *stream_of(const struct coil_task *task)
{
    return (struct coil_stream *)(uintptr_t)task->owner_index;
}

static int client_main(void *arg)
{
    struct client_args *args = arg;
    struct coil_task *self = coil__thread.task;
    int rc = args->server->client(args->stream, args->server->user);
    int close_rc = coil_stream_close(stream_of(self));

    return rc < 0 ? rc : close_rc;
}

static bool is_worth_a_report(const struct coil_server *server, int rc)
{
    bool is_ours = rc == -COIL_ECLOSED && server->has_closed_clients;

    return rc < 0 && rc != -ECANCELED && rc != -ECONNRESET && rc != -EPIPE && !is_ours;
}

/* In debug mode with the place where the server was started: the library has created the task. */
static void report_client(const struct coil_server *server, struct coil_task *task)
{
    const struct coil__trace *trace =
        coil__ledger_find(server->loop->ledger, COIL__OPENED_SERVER, server);
    struct coil_report r = {.message = "error of a server's client task",
                            .error = task->rc,
                            .task_name = coil_task_name(coil__task_handle(task))};
    struct coil_site site;

    if (trace && coil__task_get_room(task) >= COIL__TRACE_ROOM && coil__trace_site(trace, &site)) {
        r.site = &site;
    }
    coil__loop_report(server->loop, &r);
}

static void client_done(struct coil__owner *owner, struct coil_task *task)
{
    struct coil_server *server = COIL__CONTAINER(owner, struct coil_server, owner);

    coil_stream_abort(stream_of(task));
    coil__list_remove(&task->owner_link);
    server->client_count--;
    if (is_worth_a_report(server, task->rc)) {
        report_client(server, task);
    }
    update(server);
}

static void start_client(struct coil_server *server, int fd)
{
    struct client_args args = {.server = server};
    struct coil_task_options options = {
        .stack_size = server->options.stack_size, .copy_size = sizeof args, .site = COIL_HERE};
    struct coil_stream *stream;
    struct coil_task *handle;
    struct coil_task *task;
    int rc = coil__stream_open_socket(fd, server->is_unix, &server->options.stream, &args.stream);

    if (rc < 0) {
        report(server, "a client was turned away", rc);
        return;
    }
    handle = coil_task_create(&options, client_main, &args);
    if (coil__task_look(handle, &task) < 0) {
        coil_stream_abort(args.stream);
        report(server, "a client was turned away", -ENOMEM);
        return;
    }
    coil__stream_find(args.stream, &stream);
    stream->client = task;
    server->client_count++;
    coil__list_push_tail(&server->clients, &task->owner_link);
    coil__task_adopt(handle, &server->owner, (size_t)(uintptr_t)args.stream);
    update(server);
}

/* --- accepting --- */

/* Several sockets share the limit: a connection may have to wait here for its turn. One that was
 * accepted in spite of the stop is turned away if it comes after the end of all clients, which has
 * not reached it: nobody would ever end it. */
static int admit(struct coil_server *server, int fd)
{
    int rc = 0;

    while (rc == 0 && is_full(server)) {
        rc = coil_event_wait(&server->has_room);
    }
    if (rc < 0 || server->turns_away) {
        coil__net_close(server->loop, fd);
        return rc;
    }
    start_client(server, fd);
    return 0;
}

static int acceptor_main(void *arg)
{
    struct acceptor *acceptor = arg;
    struct coil_server *server = acceptor->server;
    int rc = 0;

    while (rc == 0) {
        rc = coil_event_wait(&server->has_room);
        rc = rc < 0 ? rc : coil_accept(acceptor->fd, NULL);
        if (rc >= 0) {
            rc = admit(server, rc);
        } else if (coil__accept_may_recover(rc)) {
            report(server, "accepting pauses for a second", rc);
            rc = coil_sleep(COIL__ACCEPT_PAUSE);
        }
    }
    return rc;
}

static void acceptor_done(struct coil__owner *owner, struct coil_task *task)
{
    struct acceptor *acceptor = COIL__CONTAINER(owner, struct acceptor, owner);
    struct coil_server *server = acceptor->server;

    acceptor->task = NULL;
    coil__socket_file_remove(&server->file);
    coil__net_close(server->loop, acceptor->fd);
    server->running_acceptors--;
    if (task->rc < 0 && task->rc != -ECANCELED) {
        report(server, "a server has stopped accepting", task->rc);
    }
    update(server);
}

static int start_acceptor(struct coil_server *server, int fd)
{
    struct acceptor *acceptor = &server->acceptors[server->acceptor_count];
    struct coil_task_options options = {.name = "accept", .site = COIL_HERE};

    *acceptor = (struct acceptor){.owner.child_done = acceptor_done, .server = server, .fd = fd};
    acceptor->task = coil_task_create(&options, acceptor_main, acceptor);
    if (!acceptor->task) {
        return -ENOMEM;
    }
    server->acceptor_count++;
    server->running_acceptors++;
    return coil__task_adopt(acceptor->task, &acceptor->owner, 0);
}

/* --- the server --- */

static struct coil_server *new_server(struct coil__io *io,
                                      const struct coil_server_options *options,
                                      coil_client_fn client, void *user)
{
    struct coil_server *server = coil__calloc(1, sizeof *server);

    if (server) {
        server->loop = io->loop;
        server->options = options ? *options : (struct coil_server_options){0};
        server->client = client;
        server->user = user;
        server->owner.child_done = client_done;
        coil__list_init(&server->clients);
        coil__list_push_tail(&io->servers, &server->link);
        update(server);
    }
    return server;
}

void coil__server_free(struct coil_server *server)
{
    coil__note_closed(server->loop, COIL__OPENED_SERVER, server);
    coil__list_remove(&server->link);
    coil__free(server);
}

int coil__server_get_fd(const struct coil_server *server)
{
    return server->acceptors[0].fd;
}

void coil__server_forget(struct coil_server *server)
{
    for (size_t i = 0; i < server->acceptor_count; i++) {
        if (server->acceptors[i].task) {
            coil__net_close(server->loop, server->acceptors[i].fd);
        }
    }
    coil__server_free(server);
}

/* All sockets are the server's from here on, or closed. */
static int take_sockets(struct coil_server *server, const int *fds, int count)
{
    struct coil_address address;
    int rc = coil_socket_address(fds[0], &address);

    server->port = rc < 0 ? rc : coil_address_get_port(&address);
    rc = 0;
    coil__net_note_file(server->loop, fds[0], &server->file);
    for (int i = 0; i < count; i++) {
        rc = rc < 0 ? rc : start_acceptor(server, fds[i]);
        if (rc < 0) {
            coil__net_close(server->loop, fds[i]);
        }
    }
    coil_event_clear(&server->is_idle);
    update(server);
    return rc;
}

int coil_start_server(const char *host, uint16_t port, const struct coil_server_options *options,
                      coil_client_fn client, void *user, struct coil_server **ret_server)
{
    struct coil_listen_options listen_options = {
        .backlog = options ? options->backlog : 0,
        .reuse_port = options && options->reuse_port,
        .mode = options ? options->mode : 0,
    };
    struct coil_server *server;
    struct coil__io *io;
    int fds[MAX_SOCKETS];
    int count;
    int rc;

    if (!client || !ret_server) {
        return -EINVAL;
    }
    count = coil_listen(host, port, &listen_options, fds, MAX_SOCKETS);
    if (count < 0) {
        return count;
    }
    rc = coil__io_get(coil__thread.loop, &io);
    server = rc < 0 ? NULL : new_server(io, options, client, user);
    if (!server) {
        for (int i = 0; i < count; i++) {
            coil__net_close(coil__thread.loop, fds[i]);
        }
        return -ENOMEM;
    }
    server->is_unix = host && coil__is_unix(host);
    rc = take_sockets(server, fds, count);
    if (rc < 0) {
        coil_server_close(server);
        return rc;
    }
    coil__note_open(server->loop, COIL__OPENED_SERVER, server);
    *ret_server = server;
    return 0;
}

/* 0 for an open server of the running loop, or why it cannot be used. Its own memory is looked at
 * only when it is one. */
static int check(const struct coil_server *server)
{
    struct coil_loop *loop = coil__thread.loop;

    if (!server) {
        return coil__misuse_null("a server");
    }
    if (!loop) {
        return coil__no_task();
    }
    if (loop->io) {
        COIL__LIST_FOREACH(&loop->io->servers, link) {
            if (link == &server->link) {
                return 0;
            }
        }
    }
    return coil__misuse_told(-COIL_ECLOSED, "a server was used that is closed, or that is of "
                                            "another loop");
}

int coil_server_get_port(const struct coil_server *server)
{
    int rc = check(server);

    return rc < 0 ? rc : server->port;
}

size_t coil_server_client_count(const struct coil_server *server)
{
    return check(server) < 0 ? 0 : server->client_count;
}

void coil_server_stop(struct coil_server *server)
{
    if (check(server) < 0 || server->is_stopping) {
        return;
    }
    server->is_stopping = true;
    for (size_t i = 0; i < server->acceptor_count; i++) {
        if (server->acceptors[i].task) {
            coil_cancel_because(server->acceptors[i].task, "the server has stopped");
        }
    }
}

void coil_server_cancel_clients(struct coil_server *server)
{
    if (check(server) < 0) {
        return;
    }
    server->turns_away = server->turns_away || server->is_stopping;
    COIL__LIST_FOREACH_SAFE(&server->clients, link) {
        coil__task_cancel(COIL__CONTAINER(link, struct coil_task, owner_link), COIL_HERE,
                          "the server cancels its clients");
    }
}

/* Calls fn, which closes it, for the stream of each client that has not closed it. */
static void each_stream(struct coil_server *server, void (*fn)(struct coil_stream *stream))
{
    if (check(server) < 0) {
        return;
    }
    server->has_closed_clients = true;
    server->turns_away = server->turns_away || server->is_stopping;
    COIL__LIST_FOREACH_SAFE(&server->clients, link) {
        struct coil_stream *stream = stream_of(COIL__CONTAINER(link, struct coil_task, owner_link));

        if (stream) {
            coil__stream_take_away(stream);
            fn(stream);
        }
    }
}

void coil_server_close_clients(struct coil_server *server)
{
    each_stream(server, coil__stream_close_when_sent);
}

void coil_server_abort_clients(struct coil_server *server)
{
    each_stream(server, coil_stream_abort);
}

/* As check; a client of the server would wait for its own end. */
static int check_wait(const struct coil_server *server)
{
    const struct coil_task *self = coil__thread.task;
    int rc = check(server);

    if (rc < 0 || !self) {
        return rc < 0 ? rc : coil__no_task();
    }
    return self->owner_kind == COIL__OWNED_BY_OBJECT && self->owner == &server->owner ? -EDEADLK
                                                                                      : 0;
}

int coil_serve_forever(struct coil_server *server)
{
    int rc = check_wait(server);

    return rc < 0 ? rc : coil_event_wait(&server->is_idle);
}

/* Waits for the clients; those left after the time of grace, or a cancel, are cancelled. */
static int end(struct coil_server *server, int64_t grace_ns, bool aborts)
{
    struct coil_scope scope = {0};
    int rc = server ? check_wait(server) : 0;

    if (!server || rc < 0) {
        return rc;
    }
    if (server->is_closing) {
        return -COIL_ECLOSED;
    }
    server->is_closing = true;
    coil_server_stop(server);
    coil_scope_open_timeout(&scope, grace_ns);
    rc = coil_event_wait(&server->is_idle);
    coil_scope_close(&scope);
    if (rc < 0) {
        if (aborts) {
            coil_server_abort_clients(server);
        }
        coil_server_cancel_clients(server);
        coil_scope_open_shield(&scope);
        coil_event_wait(&server->is_idle);
        coil_scope_close(&scope);
    }
    coil__server_free(server);
    return rc;
}

int coil_server_close(struct coil_server *server)
{
    return end(server, COIL_NEVER, false);
}

int coil_server_shutdown(struct coil_server *server, int64_t grace_ns)
{
    return end(server, grace_ns, true);
}

int coil_serve(const char *host, uint16_t port, const struct coil_server_options *options,
               coil_client_fn client, void *user)
{
    struct coil_server *server;
    int rc = coil_start_server(host, port, options, client, user, &server);

    if (rc < 0) {
        return rc;
    }
    rc = coil_serve_forever(server);
    coil_server_close(server);
    return rc;
}
