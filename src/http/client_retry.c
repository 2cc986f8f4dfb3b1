/* client_retry.c - further tries: when, and after what time.
 *
 * The time doubles with each try; half of it is drawn by lot, so that clients which have failed
 * together do not come back together.
 */
#include "http/client.h"

#include <coil/task.h>

#include <errno.h>

enum { MAX_ATTEMPTS = 100 };

/* RFC 9110, section 9.2.2. */
bool coil__client_is_idempotent(enum coil__http1_method method)
{
    switch (method) {
    case COIL__HTTP1_GET:
    case COIL__HTTP1_HEAD:
    case COIL__HTTP1_PUT:
    case COIL__HTTP1_DELETE:
    case COIL__HTTP1_OPTIONS:
    case COIL__HTTP1_TRACE:
        return true;
    default:
        return false;
    }
}

bool coil__client_is_passing_status(unsigned status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

bool coil__client_is_passing_error(int error)
{
    switch (error) {
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -ECONNABORTED:
    case -EPIPE:
    case -ENETUNREACH:
    case -EHOSTUNREACH:
    case -ENETDOWN:
    case -COIL_ERESOLVER:
    case -COIL_ETLSTRUNCATED:
    case -COIL_EINCOMPLETE:
        return true;
    default:
        return false;
    }
}

/* Whether another try may end differently. A server that is slow to answer is not asked twice. */
static bool is_passing(const struct coil__client_call *call, int error)
{
    if (call->is_senseless) {
        return false;
    }
    return error == -ETIMEDOUT ? call->is_unmade : coil__client_is_passing_error(error);
}

static bool may_try(const struct coil__client_call *call)
{
    unsigned most = call->retry.attempts < MAX_ATTEMPTS ? call->retry.attempts : MAX_ATTEMPTS;

    return call->tries < most && coil__client_is_idempotent(call->method) &&
           coil__client_body_can_rewind(&call->body) && !call->session->is_closed &&
           coil_check_cancel() == 0;
}

/* A few bits that differ from call to call: no more is needed for a lot. */
static uint64_t draw(struct coil_http_session *session)
{
    uint64_t bits = (uint64_t)coil_now() + (uint64_t)(uintptr_t)session +
                    ++session->draws * UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static int64_t delay_of(struct coil__client_call *call)
{
    int64_t delay = call->retry.delay_ns > 0 ? call->retry.delay_ns : 200 * COIL_MSEC;

    for (unsigned i = 0; i < call->tries && delay < call->retry.max_delay_ns; i++) {
        delay = delay > COIL_NEVER / 2 ? COIL_NEVER : delay * 2;
    }
    delay = delay < call->retry.max_delay_ns ? delay : call->retry.max_delay_ns;
    return delay - (int64_t)(draw(call->session) % ((uint64_t)delay / 2 + 1));
}

/* Whether there is another try after this, and in what time. */
static bool is_worth_it(struct coil__client_call *call, int rc,
                        const struct coil_http_response *response, int64_t *ret_delay)
{
    int64_t asked;

    if (rc < 0 ? !is_passing(call, rc) : !coil__client_is_passing_status(response->status)) {
        return false;
    }
    if (!may_try(call)) {
        return false;
    }
    asked = rc < 0 ? -1 : coil_http_response_retry_after(response);
    *ret_delay = delay_of(call);
    if (asked > call->retry.max_delay_ns) {
        return false;
    }
    *ret_delay = asked > *ret_delay ? asked : *ret_delay;
    return *ret_delay < call->deadline - coil_now();
}

int coil__client_try(struct coil__client_call *call, struct coil_http_response **ret_response)
{
    struct coil_http_response *response = NULL;
    int64_t delay;
    int rc = coil__client_exchange(call, &response);

    while (is_worth_it(call, rc, response, &delay)) {
        if (rc == 0) { /* the place is needed again */
            call->place = response->place;
            response->place = (struct coil__client_place){0};
            coil_http_response_close(response);
            response = NULL;
        }
        call->failure.text[0] = '\0';
        rc = coil_sleep(delay);
        if (rc < 0) {
            return coil__client_fail_plainly(&call->failure, rc);
        }
        call->tries++;
        rc = coil__client_exchange(call, &response);
    }
    *ret_response = response;
    return rc;
}
