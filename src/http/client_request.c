/* client_request.c - a call: what a request and its session say is put together, redirects are
 * followed, and one deadline is over all of it. */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>

/* --- beginning --- */

static int choose_method(struct coil__client_call *call)
{
    const char *name = call->request->method;

    call->method_name = name ? name : call->body.is_there ? "POST" : "GET";
    call->method = coil__http1_method_of(coil__slice_of(call->method_name));
    if (call->method == COIL__HTTP1_CONNECT ||
        !coil__slice_is_token(coil__slice_of(call->method_name)) ||
        strlen(call->method_name) > COIL__HTTP1_MAX_METHOD) {
        return coil__client_fail(&call->failure, -EINVAL, "'%.40s' is no method of a request",
                                 call->method_name);
    }
    return 0;
}

static int authorize(struct coil__client_call *call)
{
    const struct coil_http_request *request = call->request;
    int rc = 0;

    if (request->bearer && request->user) {
        rc = -EINVAL;
    } else if (request->bearer) {
        rc = coil__client_bearer(request->bearer, &call->authorization);
    } else if (request->user) {
        rc = coil__client_basic(request->user, request->password, &call->authorization);
    }
    if (rc == -EINVAL) {
        return coil__client_fail(&call->failure, rc, "credentials that cannot be sent");
    }
    return rc < 0 ? coil__client_fail_plainly(&call->failure, rc) : 0;
}

static int64_t either(int64_t own, int64_t usual)
{
    return own != 0 ? own : usual;
}

static void settle(struct coil__client_call *call)
{
    const struct coil_http_session_options *options = &call->session->options;
    const struct coil_http_request *request = call->request;

    call->deadline = coil__http_after(either(request->total_timeout_ns, options->total_timeout_ns));
    call->connect_timeout_ns = either(request->connect_timeout_ns, options->connect_timeout_ns);
    call->read_timeout_ns = either(request->read_timeout_ns, options->read_timeout_ns);
    call->max_body = request->max_body ? request->max_body : options->max_body;
    call->max_redirects = request->max_redirects ? request->max_redirects : options->max_redirects;
    call->no_redirects = request->no_redirects || options->no_redirects;
    call->retry = request->retry.attempts ? request->retry : options->retry;
    call->retry.max_delay_ns =
        call->retry.max_delay_ns > 0 ? call->retry.max_delay_ns : 30 * COIL_SEC;
}

/* --- the call --- */

static int follow(struct coil__client_call *call, struct coil_http_response **ret_response)
{
    for (;;) {
        struct coil_http_response *response = NULL;
        int rc = coil__client_try(call, &response);

        if (rc < 0) {
            return rc;
        }
        rc = coil__client_redirect(call, response);
        if (rc == 0) {
            *ret_response = response;
            return 0;
        }
        coil_http_response_close(response);
        if (rc < 0) {
            return rc;
        }
    }
}

static int perform(struct coil__client_call *call, struct coil_http_response **ret_response)
{
    struct coil_scope scope = {0};
    int rc = coil__client_place_make(&call->place, NULL, call->request->url, &call->failure);

    if (rc == 0) {
        rc = authorize(call);
    }
    if (rc < 0) {
        return rc;
    }
    coil_scope_open_deadline(&scope, call->deadline);
    rc = coil__client_body_init(&call->body, call->request, &call->failure);
    if (rc == 0) {
        rc = choose_method(call);
    }
    if (rc == 0) {
        rc = follow(call, ret_response);
    }
    coil_scope_close(&scope);
    if (rc == -ETIMEDOUT && coil_scope_is_expired(&scope) && coil_check_cancel() == 0) {
        coil__client_fail(&call->failure, rc, "no response within the whole time for it");
    }
    return rc;
}

int coil_http_session_request(struct coil_http_session *session,
                              const struct coil_http_request *request,
                              struct coil_http_response **ret_response)
{
    struct coil__client_call call = {.session = session, .request = request, .body.fd = -1};
    int rc;

    if (!session || !request || !ret_response || (request->field_count > 0 && !request->fields)) {
        return -EINVAL;
    }
    if (session->is_closed) {
        return -COIL_ECLOSED;
    }
    coil__client_session_hold(session);
    settle(&call);
    rc = perform(&call, ret_response);
    coil__client_body_deinit(&call.body);
    coil__client_place_free(&call.place);
    coil__free(call.authorization);
    coil__client_session_drop(session);
    if (rc < 0 && request->ret_failure) {
        coil__client_fail_plainly(&call.failure, rc);
        *request->ret_failure = call.failure;
    }
    return rc;
}

/* --- in one call --- */

static int fetch(struct coil_http_session *session, const struct coil_http_request *request,
                 struct coil_http_response **ret_response)
{
    struct coil_http_response *response;
    int rc = coil_http_session_request(session, request, &response);
    ssize_t size;

    if (rc < 0) {
        return rc;
    }
    size = coil_http_response_read_all(response, NULL);
    if (size < 0) {
        if (request->ret_failure) {
            *request->ret_failure = response->failure;
            coil__client_fail_plainly(request->ret_failure, (int)size);
        }
        coil_http_response_close(response);
        return (int)size;
    }
    *ret_response = response;
    return 0;
}

int coil_http_fetch(struct coil_http_session *session, const struct coil_http_request *request,
                    struct coil_http_response **ret_response)
{
    struct coil_http_session *own = NULL;
    int rc = 0;

    if (!request || !ret_response) {
        return -EINVAL;
    }
    if (!session) {
        rc = coil_http_session_new(NULL, &own);
    }
    if (rc == 0) {
        rc = fetch(session ? session : own, request, ret_response);
    }
    coil_http_session_close(own);
    return rc;
}

int coil_http_get(struct coil_http_session *session, const char *url,
                  struct coil_http_response **ret_response)
{
    struct coil_http_request request = {.url = url};

    return coil_http_fetch(session, &request, ret_response);
}
