/* console.c - a live console: its start and its end.
 *
 * The console's thread runs a loop of its own, on epoll, whatever the watched loop runs on (which
 * may be simulated: its network would reach no browser). It is joined before the watched loop goes,
 * so it may look at that at any time; the other way round, the watched loop's thread may hand
 * something to the console's loop until it has told the thread to end.
 *
 * The console stands among the observers of the loop that it watches: that is how it is found, and
 * how it ends with it.
 */
#include "debug/console.h"

#include "base/memory.h"
#include "io/address.h"
#include "io/net.h"
#include "io/stream.h"

#include <coil/run.h>
#include <coil/server.h>

#include <stdio.h>
#include <string.h>

enum { MAX_CLIENTS = 16, MAX_CLIENTS_EVER = 1024, CLIENT_STACK = 128 * 1024 };

#define REQUEST_TIMEOUT (5 * COIL_SEC)
#define PATIENCE (250 * COIL_MSEC)
#define STALL_LIMIT (100 * COIL_MSEC)
#define UNIX_MODE 0600

/* --- the console's thread --- */

static void on_stop(void *user)
{
    struct coil__console *console = user;

    coil_event_set(&console->stop);
}

/* Its own troubles are no business of the watched program's error output. */
static void ignore_report(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static void begin(struct coil__console *console, int rc)
{
    coil__mutex_lock(&console->lock);
    if (!console->has_begun) {
        console->has_begun = true;
        console->rc = rc;
        coil__cond_broadcast(&console->changed);
    }
    coil__mutex_unlock(&console->lock);
}

static void set_names(struct coil__console *console, const struct coil_server *server)
{
    bool is_v6 = strchr(console->host, ':') != NULL;
    int port = coil_server_get_port(server);

    console->listening = coil__server_get_fd(server);
    if (console->is_unix) {
        snprintf(console->url, sizeof console->url, "%s", console->host);
        snprintf(console->cookie, sizeof console->cookie, "coil_console");
    } else {
        snprintf(console->url, sizeof console->url, "http://%s%s%s:%d/", is_v6 ? "[" : "",
                 console->host, is_v6 ? "]" : "", port);
        snprintf(console->cookie, sizeof console->cookie, "coil_console_%d", port);
    }
}

static int serve(void *arg)
{
    struct coil__console *console = arg;
    struct coil_server_options options = {
        .max_clients = console->options.max_clients,
        .stack_size = CLIENT_STACK,
        .mode = console->is_unix ? console->options.mode : 0,
    };
    struct coil_server *server;
    int rc = coil_start_server(console->host, console->port, &options, coil__console_serve, console,
                               &server);

    if (rc < 0) {
        return rc;
    }
    set_names(console, server);
    begin(console, 0);
    rc = coil_event_wait(&console->stop);
    coil_server_shutdown(server, 0);
    return rc;
}

/* Nobody hands anything to the console's loop after that. */
static void wait_for_end(struct coil__console *console)
{
    coil__mutex_lock(&console->lock);
    while (!console->is_ending) {
        coil__cond_wait(&console->changed, &console->lock, COIL_NEVER);
    }
    coil__mutex_unlock(&console->lock);
}

static void *run(void *arg)
{
    struct coil__console *console = arg;
    struct coil_run_options options = {.ignore_sigint = true};
    int rc = coil_loop_new(&(struct coil_loop_options){.backend = "epoll"}, &console->loop);

    if (rc == 0) {
        console->loop->debug = false; /* that is for the program's own loops */
        coil_loop_set_error_handler(console->loop, ignore_report, NULL);
        rc = coil_run_in(console->loop, &options, serve, console);
    }
    begin(console, rc);
    wait_for_end(console);
    coil__view_drop(console->view);
    coil_loop_free(console->loop);
    return NULL;
}

/* --- the end, in the watched loop's thread --- */

static void free_memory(struct coil__console *console)
{
    coil__question_free(console->question);
    coil__free(console);
}

/* The thread was started, well or not. */
static void end(struct coil__console *console)
{
    coil__console_unwatch(console);
    coil__console_stop_times(console);
    if (console->rc == 0) {
        coil_call_soon_threadsafe(console->loop, &console->stop_handle, on_stop, console);
    }
    coil__mutex_lock(&console->lock);
    console->is_ending = true;
    coil__cond_broadcast(&console->changed);
    coil__mutex_unlock(&console->lock);
    coil__os_thread_join(&console->thread);
    coil__cond_deinit(&console->changed);
    coil__mutex_deinit(&console->lock);
    free_memory(console);
}

static void end_with_loop(struct coil__closer *closer)
{
    end(COIL__CONTAINER(closer, struct coil__console, closer));
}

/* In the child of a fork: there is no such thread, and its loop may be in the middle of something.
 * So that stays where it is, but the port is free as soon as the parent gives it up. */
static void forget(struct coil__closer *closer)
{
    struct coil__console *console = COIL__CONTAINER(closer, struct coil__console, closer);

    coil__net_close(console->loop, console->listening);
    console->question->is_under_way = false;
    console->question->graph = NULL; /* its thread may have been about to free it */
    free_memory(console);
}

/* --- where it listens, and who may come --- */

/* "1.2.3.4" or "::1" of an address with its port. */
static void set_host(struct coil__console *console, const struct coil_address *address)
{
    char text[COIL_ADDRESS_TEXT];
    size_t start;
    size_t end;

    coil_address_format(address, text, sizeof text);
    start = text[0] == '[';
    end = start ? strcspn(text, "]") : strcspn(text, ":");
    memcpy(console->host, text + start, end - start);
    console->host[end - start] = '\0';
    console->port = (uint16_t)coil_address_get_port(address);
}

static int set_address(struct coil__console *console, const char *text)
{
    static const char localhost[] = "localhost:";
    struct coil_address address;
    char numeric[32];
    int rc;

    if (!text) {
        text = "127.0.0.1:0";
    } else if (strncmp(text, localhost, sizeof localhost - 1) == 0) {
        snprintf(numeric, sizeof numeric, "127.0.0.1:%.8s", text + sizeof localhost - 1);
        text = numeric;
    }
    rc = coil_address_parse(text, &address);
    if (rc < 0) {
        return rc;
    }
    console->is_unix = coil__is_unix(text);
    if (strncmp(text, "unix:@", 6) == 0 && !console->access.token) {
        return coil__misuse_told(-EACCES, "a console was to listen on an abstract name, which has "
                                          "no permissions: give it a token, or a path");
    }
    if (console->is_unix) {
        snprintf(console->host, sizeof console->host, "%s", text);
        return 0;
    }
    set_host(console, &address);
    console->access.is_host_checked = coil__address_is_loopback(&address);
    if (!console->access.is_host_checked && !console->access.token) {
        return coil__misuse_told(-EACCES,
                                 "a console was to listen on an address that is not of this "
                                 "machine alone: give it a token, or a loopback address");
    }
    return 0;
}

static int set_options(struct coil__console *console, const struct coil_console_options *options)
{
    struct coil_console_options *own = &console->options;

    if (options) {
        *own = *options;
    }
    if (own->request_timeout_ns < 0 || own->patience_ns < 0) {
        return -EINVAL;
    }
    if (own->token && !coil__token_is_good(own->token)) {
        return coil__misuse_told(-EINVAL, "a console's token must have 16 to 128 letters, digits "
                                          "and \"-._~\", and nothing else");
    }
    if (own->token) {
        memcpy(console->token, own->token, strlen(own->token) + 1);
        console->access.token = console->token;
        own->token = NULL; /* the caller's */
    }
    console->access.cookie = console->cookie;
    own->max_clients = own->max_clients ? own->max_clients : MAX_CLIENTS;
    own->max_clients = own->max_clients < MAX_CLIENTS_EVER ? own->max_clients : MAX_CLIENTS_EVER;
    own->request_timeout_ns = own->request_timeout_ns ? own->request_timeout_ns : REQUEST_TIMEOUT;
    own->patience_ns = own->patience_ns ? own->patience_ns : PATIENCE;
    own->mode = own->mode ? own->mode : UNIX_MODE;
    own->stall_limit_ns = own->stall_limit_ns ? own->stall_limit_ns : STALL_LIMIT;
    return 0;
}

/* --- the start --- */

static struct coil__console *find(struct coil_loop *loop)
{
    COIL__LIST_FOREACH(&loop->observers, link) {
        struct coil__closer *closer = COIL__CONTAINER(link, struct coil__closer, link);

        if (closer->end == end_with_loop) {
            return COIL__CONTAINER(closer, struct coil__console, closer);
        }
    }
    return NULL;
}

/* Waits until the thread has said how it began. */
static int start_thread(struct coil__console *console)
{
    int rc = coil__os_thread_start(&console->thread, COIL__THREAD_STACK, run, console);

    if (rc < 0) {
        coil__cond_deinit(&console->changed);
        coil__mutex_deinit(&console->lock);
        free_memory(console);
        return rc;
    }
    coil__mutex_lock(&console->lock);
    while (!console->has_begun) {
        coil__cond_wait(&console->changed, &console->lock, COIL_NEVER);
    }
    rc = console->rc;
    coil__mutex_unlock(&console->lock);
    if (rc < 0) {
        end(console);
    }
    return rc;
}

static int init_lock(struct coil__console *console)
{
    int rc = coil__mutex_init(&console->lock);

    if (rc < 0) {
        return rc;
    }
    rc = coil__cond_init(&console->changed);
    if (rc < 0) {
        coil__mutex_deinit(&console->lock);
    }
    return rc;
}

static int start(struct coil__console *console, const char *address,
                 const struct coil_console_options *options)
{
    int rc = set_options(console, options);

    rc = rc < 0 ? rc : set_address(console, address);
    console->question = rc < 0 ? NULL : coil__question_new(console);
    if (rc == 0 && !console->question) {
        rc = -ENOMEM;
    }
    rc = rc < 0 ? rc : init_lock(console);
    if (rc < 0) {
        free_memory(console);
        return rc;
    }
    rc = start_thread(console);
    if (rc < 0) {
        return rc;
    }
    rc = coil__console_start_times(console);
    rc = rc < 0 ? rc : coil__console_watch(console);
    if (rc < 0) {
        end(console);
    }
    return rc;
}

int coil_console_start_with(const char *address, const struct coil_console_options *options)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil__console *console;
    int rc;

    if (!loop) {
        return coil__no_task();
    }
    if (find(loop)) {
        return coil__misuse_told(-COIL_EINVALIDSTATE, "the loop has a console already");
    }
    console = coil__calloc(1, sizeof *console);
    if (!console) {
        return -ENOMEM;
    }
    console->watched = loop;
    console->closer.end = end_with_loop;
    console->closer.forget = forget;
    rc = start(console, address, options);
    if (rc == 0) {
        coil__list_push_tail(&loop->observers, &console->closer.link);
    }
    return rc;
}

int coil_console_start(const char *address)
{
    return coil_console_start_with(address, NULL);
}

/* The running loop's console, or why there is none. */
static int get(struct coil__console **ret_console)
{
    if (!coil__thread.loop) {
        return coil__no_task();
    }
    *ret_console = find(coil__thread.loop);
    return *ret_console ? 0 : -COIL_EINVALIDSTATE;
}

int coil_console_stop(void)
{
    struct coil__console *console = NULL;
    int rc = get(&console);

    if (rc == 0) {
        coil__list_remove(&console->closer.link);
        end(console);
    }
    return rc;
}

int coil_console_get_url(char *buf, size_t size)
{
    struct coil__console *console = NULL;
    int rc = buf ? get(&console) : -EINVAL;
    size_t length;

    if (rc < 0) {
        return rc;
    }
    length = strlen(console->url);
    if (length >= size) {
        return -ENOSPC;
    }
    memcpy(buf, console->url, length + 1);
    return (int)length;
}
