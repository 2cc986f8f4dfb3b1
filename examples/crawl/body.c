/* body.c - reads the body of a response, as far as it is wanted. */
#include "crawl.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16 * 1024 };

static int grow(struct body *body, size_t *room, size_t max)
{
    size_t wanted = *room > 0 ? 2 * *room : FIRST_ROOM;
    char *data;

    wanted = wanted < max ? wanted : max;
    data = realloc(body->data, wanted);
    if (!data) {
        return -ENOMEM;
    }
    body->data = data;
    *room = wanted;
    return 0;
}

/* One byte more is read than may be kept: it says whether there is more. */
int body_read(struct coil_http_response *response, size_t max, struct body *ret_body)
{
    struct body body = {0};
    size_t room = 0;
    ssize_t got;

    do {
        got = body.size < room ? 0 : grow(&body, &room, max + 1);
        if (got == 0) {
            got = coil_http_response_read(response, body.data + body.size, room - body.size);
        }
        if (got < 0) {
            free(body.data);
            return (int)got;
        }
        body.size += (size_t)got;
    } while (got > 0 && body.size <= max);
    if (body.size > max) {
        body.size = max;
        body.is_cut = true;
    }
    *ret_body = body;
    return 0;
}
