/* A server that plays a script, and a session that talks to it. */
#ifndef COIL_TESTS_CLIENT_TALK_H
#define COIL_TESTS_CLIENT_TALK_H

#include "in_task.h"

#include <coil/http_client.h>

#include <stdio.h>
#include <string.h>

/* What the server does for one request. All-zero: nothing, until the client has gone. */
struct act {
    const char *say;
    bool close;       /* then, by an end */
    bool reset;       /* then, by a reset */
    bool is_deaf;     /* speaks before it has heard anything, and hears nothing */
    bool skip_body;   /* speaks when it has the head */
    bool wait;        /* until site.go_on is set, after it has heard the request */
    const char *then; /* said after site.go_on is set */
};

enum { HEARD_ROOM = 512 * 1024, MAX_CONNECTIONS = 256 };

struct site {
    struct coil_server *server;
    const struct act *acts; /* in the order in which requests come, on whatever connection */
    size_t count;
    size_t at;
    bool again;           /* the last act over and over */
    unsigned connections; /* that were accepted */
    unsigned open;        /* of these, now */
    unsigned most;        /* at once */
    struct coil_event go_on;
    struct coil_event has_heard; /* a request */
    struct coil_event has_ended; /* a connection */
    uint16_t port;
    char url[64];
    size_t size;
    char heard[HEARD_ROOM]; /* all requests, one behind the other */
};

static struct site site;
static struct coil_http_session *session;
static struct coil_http_failure failure;

/* --- the server --- */

static inline void note_heard(struct site *s, const char *data, size_t size)
{
    CHECK_INT(s->size + size, <, sizeof s->heard);
    memcpy(s->heard + s->size, data, size);
    s->size += size;
    s->heard[s->size] = '\0';
}

static inline ssize_t hear_exactly(struct site *s, struct coil_stream *stream, size_t size)
{
    char buf[4096];

    while (size > 0) {
        ssize_t n = coil_stream_read(stream, buf, size < sizeof buf ? size : sizeof buf);

        if (n <= 0) {
            return -1;
        }
        note_heard(s, buf, (size_t)n);
        size -= (size_t)n;
    }
    return 1;
}

/* Up to a separator. -1: the end. */
static inline ssize_t hear_until(struct site *s, struct coil_stream *stream, const char *sep)
{
    char buf[16384];
    ssize_t n = coil_stream_read_until(stream, sep, strlen(sep), buf, sizeof buf);

    if (n > 0) {
        note_heard(s, buf, (size_t)n);
    }
    return n > 0 ? n : -1;
}

static inline ssize_t hear_request(struct site *s, struct coil_stream *stream, bool skip_body)
{
    size_t begin = s->size;
    const char *head;
    const char *length;

    if (hear_until(s, stream, "\r\n\r\n") < 0) {
        return -1;
    }
    head = s->heard + begin;
    length = strstr(head, "Content-Length: ");
    if (skip_body) {
        return 1;
    }
    if (length) {
        return hear_exactly(s, stream, strtoul(length + 16, NULL, 10));
    }
    return strstr(head, "chunked") ? hear_until(s, stream, "0\r\n\r\n") : 1;
}

/* False: the connection ends. */
static inline bool play(struct site *s, struct coil_stream *stream, const struct act *act)
{
    char c;

    if (!act->is_deaf && hear_request(s, stream, act->skip_body) < 0) {
        return false;
    }
    coil_event_set(&s->has_heard);
    if (act->wait) {
        coil_event_wait(&s->go_on);
    }
    if (act->say) {
        coil_stream_write(stream, act->say, strlen(act->say));
    }
    if (act->then) {
        coil_stream_flush(stream);
        coil_event_wait(&s->go_on);
        coil_stream_write(stream, act->then, strlen(act->then));
    }
    if (act->reset) {
        coil_stream_flush(stream);
        coil_stream_abort(stream);
        return false;
    }
    if (!act->say && !act->close) {
        while (coil_stream_read(stream, &c, 1) > 0) {
        }
    }
    return act->say && !act->close;
}

static inline int play_client(struct coil_stream *stream, void *user)
{
    struct site *s = (struct site *)user;
    bool goes_on = true;

    s->connections++;
    s->open++;
    s->most = s->open > s->most ? s->open : s->most;
    while (goes_on && (s->at < s->count || s->again)) {
        const struct act *act = &s->acts[s->at < s->count ? s->at : s->count - 1];

        if (!act->is_deaf) { /* whose turn it is shows when a request comes */
            const char *data;

            if (coil_stream_peek(stream, 1, &data) <= 0) {
                break;
            }
            act = &s->acts[s->at < s->count ? s->at : s->count - 1];
        }
        s->at++;
        goes_on = play(s, stream, act);
    }
    s->open--;
    coil_event_set(&s->has_ended);
    return 0;
}

/* acts: count of them; more requests than that find a closed connection. */
static inline void open_site_with(struct site *s, const struct act *acts, size_t count,
                                  coil_client_fn client, void *user)
{
    memset(s, 0, sizeof *s);
    s->acts = acts;
    s->count = count;
    CHECK_OK(coil_start_server("127.0.0.1", 0, NULL, client, user, &s->server));
    s->port = (uint16_t)coil_server_get_port(s->server);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", s->port);
}

static inline void open_site(const struct act *acts, size_t count)
{
    open_site_with(&site, acts, count, play_client, &site);
}
#define OPEN_SITE(acts) open_site((acts), sizeof(acts) / sizeof *(acts))

static inline void open_session(const struct coil_http_session_options *options)
{
    memset(&failure, 0, sizeof failure);
    CHECK_OK(coil_http_session_new(options, &session));
}

static inline void close_all(void)
{
    coil_http_session_close(session);
    session = NULL;
    coil_server_cancel_clients(site.server);
    coil_timeout(PATIENCE) {
        coil_server_shutdown(site.server, 0);
    }
}

/* --- the client --- */

static inline const char *url_of(const char *path)
{
    static char urls[4][512];
    static unsigned at;
    char *url = urls[at++ % 4];

    snprintf(url, sizeof urls[0], "%s%s", site.url, path);
    return url;
}

/* A whole exchange, by the session. The status, or the error, which stands in failure. */
static inline int ask_with(struct coil_http_request request, const char *expected)
{
    struct coil_http_response *response = NULL;
    const char *body = NULL;
    ssize_t size;
    int rc;

    memset(&failure, 0, sizeof failure);
    request.ret_failure = &failure;
    if (!session && test_has_noticed()) { /* there is none for it, and no other one is meant */
        return -ENOMEM;
    }
    rc = coil_http_fetch(session, &request, &response);
    if (rc < 0) {
        CHECK_INT(failure.error, ==, rc);
        CHECK(failure.text[0] != '\0');
        return rc;
    }
    size = coil_http_response_read_all(response, &body);
    CHECK_INT(size, >=, 0);
    if (expected) {
        CHECK_STR(body, expected);
    }
    rc = (int)coil_http_response_status(response);
    coil_http_response_close(response);
    return rc;
}

static inline int ask(const char *path, const char *expected)
{
    return ask_with((struct coil_http_request){.url = url_of(path)}, expected);
}

static inline struct coil_http_session_usage usage(void)
{
    struct coil_http_session_usage now = {0};

    CHECK_OK(coil_http_session_get_usage(session, &now));
    return now;
}

#define OK_HEAD(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n"

#endif
