/* client_redirect.c - where a 3xx leads, and what of the request goes there (RFC 9110, section
 * 15.4). */
#include "http/client.h"

#include <errno.h>

static bool leads_on(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 303 says so; for POST, 301 and 302 mean it, as everybody does it (notes of 15.4.2 and 15.4.3). */
static bool becomes_get(const struct coil__client_call *call, unsigned status)
{
    if (status == 303) {
        return call->method != COIL__HTTP1_GET && call->method != COIL__HTTP1_HEAD;
    }
    return (status == 301 || status == 302) && call->method == COIL__HTTP1_POST;
}

static int check(struct coil__client_call *call, const struct coil__client_place *from,
                 const struct coil__client_place *to)
{
    if (from->is_https && !to->is_https && !call->session->options.allow_downgrade) {
        return coil__client_fail(
            &call->failure, -COIL_EREDIRECT,
            "a redirect leads from https to '%.200s', which anybody could read", to->url);
    }
    if (!coil__client_body_can_rewind(&call->body)) {
        return coil__client_fail(&call->failure, -COIL_EREDIRECT,
                                 "a redirect to '%.200s' wants the body again, which cannot be "
                                 "read twice",
                                 to->url);
    }
    return 0;
}

int coil__client_redirect(struct coil__client_call *call, struct coil_http_response *response)
{
    const char *location = coil_http_response_get_field(response, "Location");
    struct coil__client_place place = {0};
    int rc;

    if (call->no_redirects || !leads_on(response->status) || !location) {
        return 0;
    }
    if (call->redirects >= call->max_redirects) {
        return coil__client_fail(&call->failure, -COIL_EREDIRECT,
                                 "more than %u redirects, the last one to '%.200s'",
                                 call->max_redirects, location);
    }
    rc = coil__client_place_make(&place, &response->place, location, &call->failure);
    if (rc == -COIL_EURL) {
        return coil__client_fail(&call->failure, -COIL_EREDIRECT,
                                 "a redirect leads to what cannot be asked for: '%.200s'",
                                 location);
    }
    if (rc < 0) {
        return rc;
    }
    if (becomes_get(call, response->status)) {
        call->method = COIL__HTTP1_GET;
        call->method_name = "GET";
        call->is_get_now = true;
        coil__client_body_drop(&call->body);
    }
    rc = check(call, &response->place, &place);
    if (rc < 0) {
        coil__client_place_free(&place);
        return rc;
    }
    if (!coil__client_is_same_origin(&response->place, &place)) {
        call->is_elsewhere = true; /* for good: who has led it away could lead it back */
    }
    call->place = place;
    call->redirects++;
    return 1;
}
