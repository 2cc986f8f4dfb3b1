/* http.h - one GET over one connection. */
#ifndef FETCH_HTTP_H
#define FETCH_HTTP_H

#include "url.h"

#include <stddef.h>

struct http_response {
    int status;          /* 200, 404, ...; 0: none has come */
    size_t body_size;    /* bytes of the body that have come */
    const char *problem; /* where http_get returned -EPROTO: what the server did wrong */
};

/* Connects, asks for the URL and reads the whole answer; the body is counted and thrown away.
 * Suspends the calling task: bound it with coil_timeout. Returns 0, -EPROTO (see problem), or an
 * error of the library's; the response says how far it came. */
int http_get(const struct url *url, struct http_response *ret_response);

#endif
