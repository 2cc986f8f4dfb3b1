/* client_session.c - sessions: their settings, and how they end. The memory stays until the last
 * call and response have ended. */
#include "http/client.h"

#include "base/memory.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdio.h>

/* --- settings --- */

static void fill_in(int64_t *value, int64_t usual)
{
    *value = *value == 0 ? usual : *value;
}

static void settle(struct coil_http_session *session,
                   const struct coil_http_session_options *options)
{
    struct coil_http_session_options *own = &session->options;

    *own = options ? *options : (struct coil_http_session_options){0};
    own->max_connections = own->max_connections ? own->max_connections : 100;
    own->max_connections_per_host =
        own->max_connections_per_host ? own->max_connections_per_host : own->max_connections;
    fill_in(&own->idle_timeout_ns, 15 * COIL_SEC);
    fill_in(&own->total_timeout_ns, 5 * COIL_MINUTE);
    fill_in(&own->connect_timeout_ns, 30 * COIL_SEC);
    fill_in(&own->read_timeout_ns, COIL_MINUTE);
    own->max_head = own->max_head ? own->max_head : COIL__HTTP1_DEFAULT_HEAD;
    own->max_fields = own->max_fields ? own->max_fields : 100;
    own->max_body = own->max_body ? own->max_body : 16 * 1024 * 1024;
    own->max_redirects = own->max_redirects ? own->max_redirects : 10;
    own->max_cookies = own->max_cookies ? own->max_cookies : 3000;
    own->tls = NULL;
    own->proxy = NULL;
    own->no_proxy = NULL;
    own->user_agent = NULL;
    session->limits = (struct coil__http1_limits){
        .head =
            own->max_head > COIL__HTTP1_MAX_HEAD ? COIL__HTTP1_MAX_HEAD : (uint32_t)own->max_head,
        .field = own->max_head > COIL__HTTP1_DEFAULT_FIELD ? 0 : (uint32_t)own->max_head,
    };
}

/* 0, -EINVAL (it breaks a head), -ENOMEM. */
static int name_agent(struct coil_http_session *session, const char *name)
{
    char usual[48];
    size_t size;

    snprintf(usual, sizeof usual, "coil/%s", coil_version());
    name = name ? name : usual;
    size = strlen(name);
    if (size == 0) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (coil__is_control(name[i])) {
            return -EINVAL;
        }
    }
    session->user_agent = coil__malloc(size + 1);
    if (!session->user_agent) {
        return -ENOMEM;
    }
    memcpy(session->user_agent, name, size + 1);
    return 0;
}

/* --- life --- */

void coil__client_session_hold(struct coil_http_session *session)
{
    session->holds++;
}

void coil__client_session_drop(struct coil_http_session *session)
{
    if (--session->holds > 0) {
        return;
    }
    coil__client_jar_clear(&session->jar);
    coil__client_proxies_deinit(&session->proxies);
    coil_tls_context_free(session->tls);
    coil__client_http2_shared_free(session->http2);
    coil__free(session->user_agent);
    coil__free(session->scratch);
    coil__free(session);
}

int coil_http_session_new(const struct coil_http_session_options *options,
                          struct coil_http_session **ret_session)
{
    static const struct coil_http_session_options none = {0};
    struct coil_loop *loop = coil_loop_current();
    struct coil_http_session *session;
    int rc;

    if (!loop || !ret_session) {
        return loop ? -EINVAL : -COIL_ENOLOOP;
    }
    options = options ? options : &none;
    session = coil__calloc(1, sizeof *session);
    if (!session) {
        return -ENOMEM;
    }
    session->holds = 1;
    session->loop = loop;
    settle(session, options);
    coil__client_pool_init(session);
    coil__client_jar_init(&session->jar, session->options.max_cookies);
    session->tls = coil_tls_context_hold(options->tls);
    session->scratch =
        coil__realloc_array(NULL, session->options.max_fields, sizeof *session->scratch);
    rc = session->scratch ? name_agent(session, options->user_agent) : -ENOMEM;
    if (rc == 0) {
        rc = coil__client_proxies_init(&session->proxies, options);
    }
    if (rc < 0) {
        coil__client_session_drop(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void coil_http_session_close(struct coil_http_session *session)
{
    if (session && !session->is_closed) {
        session->is_closed = true;
        coil__client_refuse_waiters(session);
        coil__client_drop_idle(session);
        coil__client_session_drop(session);
    }
}

void coil_http_session_close_idle(struct coil_http_session *session)
{
    if (session) {
        coil__client_drop_idle(session);
    }
}

int coil_http_session_get_usage(const struct coil_http_session *session,
                                struct coil_http_session_usage *ret_usage)
{
    if (!session || !ret_usage) {
        return -EINVAL;
    }
    *ret_usage = (struct coil_http_session_usage){
        .connections = session->count,
        .idle = session->idle_count,
        .waiters = session->waiter_count,
        .opened = session->opened,
        .cookies = session->jar.count,
    };
    return 0;
}

int coil__client_session_tls(struct coil_http_session *session, struct coil_tls_context **ret_tls,
                             struct coil_tls_failure *failure)
{
    if (!session->tls) {
        struct coil_tls_context_options options = {.ret_failure = failure};
        int rc = coil_tls_context_new(&options, &session->tls);

        if (rc < 0) {
            return rc;
        }
    }
    *ret_tls = session->tls;
    return 0;
}

/* --- cookies --- */

int coil_http_session_set_cookie(struct coil_http_session *session, const char *url,
                                 const char *text)
{
    struct coil__client_place place = {0};
    int rc = session && text ? coil__client_place_make(&place, NULL, url, NULL) : -EINVAL;

    if (rc == 0) {
        rc = coil__client_jar_set(&session->jar, &place, coil__slice_of(text),
                                  coil__clock_wall() / COIL_SEC);
        rc = rc < 0 && rc != -ENOMEM ? -EINVAL : rc;
    }
    coil__client_place_free(&place);
    return rc;
}

ssize_t coil_http_session_get_cookies(const struct coil_http_session *session, const char *url,
                                      char *buf, size_t size)
{
    struct coil__client_place place = {0};
    struct coil__http_buffer text = {0};
    ssize_t rc =
        session && buf && size > 0 ? coil__client_place_make(&place, NULL, url, NULL) : -EINVAL;

    if (rc == 0) {
        struct coil_http_session *own = (struct coil_http_session *)session;

        rc = coil__client_jar_get(&own->jar, &place, coil__clock_wall() / COIL_SEC, &text);
    }
    if (rc == 0 && coil__http_size(&text) >= size) {
        rc = -ENOSPC;
    }
    if (rc == 0) {
        rc = (ssize_t)coil__http_size(&text);
        memcpy(buf, text.data ? text.data : "", (size_t)rc);
        buf[rc] = '\0';
    }
    coil__http_buffer_free(&text);
    coil__client_place_free(&place);
    return rc;
}

void coil_http_session_clear_cookies(struct coil_http_session *session)
{
    if (session) {
        coil__client_jar_clear(&session->jar);
    }
}
