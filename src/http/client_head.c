/* client_head.c - the head of a response, received and parsed where it lies in conn->in.
 *
 * One that comes as a whole, the usual case, is parsed with the fields of the session, which all
 * its connections use in turn: nothing suspends before it is copied. One that comes in pieces gets
 * fields of its own for that time.
 */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>

static void begin(struct coil__client_heading *heading)
{
    struct coil_http_session *session = heading->session;

    coil__http1_head_init(&heading->head, heading->own ? heading->own : session->scratch,
                          session->options.max_fields, &session->limits);
    heading->is_begun = true;
}

/* As coil__http1_parse_response, and -ENOMEM. */
static int parse(struct coil__client_heading *heading)
{
    const struct coil__http_buffer *in = &heading->conn->in;
    const char *data = in->data + in->start;
    unsigned max_fields = heading->session->options.max_fields;
    int size;

    if (coil__http_size(in) == 0) {
        return 0;
    }
    if (!heading->is_begun) {
        begin(heading);
    }
    size = coil__http1_parse_response(&heading->head, heading->method, data, coil__http_size(in));
    if (size == 0 && !heading->own) {
        heading->own = coil__realloc_array(NULL, max_fields, sizeof *heading->own);
        if (!heading->own) {
            return -ENOMEM;
        }
        begin(heading);
        size =
            coil__http1_parse_response(&heading->head, heading->method, data, coil__http_size(in));
    }
    return size;
}

static bool is_of_size(int error)
{
    return error == -COIL__HTTP1_ELONGLINE || error == -COIL__HTTP1_ELONGFIELD ||
           error == -COIL__HTTP1_EFIELDS || error == -COIL__HTTP1_EHEAD;
}

static int refuse(int error, struct coil_http_failure *failure)
{
    if (error == -ENOMEM) {
        return coil__client_fail_plainly(failure, error);
    }
    return coil__client_fail(failure, is_of_size(error) ? -COIL_ELIMIT : -COIL_EPROTOCOL,
                             "the response is no good HTTP: %s", coil__http1_error_text(error));
}

int coil__client_head_look(struct coil__client_heading *heading, struct coil_http_failure *failure)
{
    for (;;) {
        int size = parse(heading);

        if (size < 0) {
            return refuse(size, failure);
        }
        if (size == 0 || heading->head.status >= 200) {
            return size;
        }
        if (heading->head.status == 101) { /* nobody has asked for it (RFC 9110, section 15.2.2) */
            return coil__client_fail(failure, -COIL_EPROTOCOL,
                                     "the server speaks another protocol, unasked");
        }
        if (++heading->interim > COIL__CLIENT_MAX_INTERIM) {
            return coil__client_fail(failure, -COIL_EPROTOCOL,
                                     "more than %d interim responses (1xx) before a final one",
                                     COIL__CLIENT_MAX_INTERIM);
        }
        heading->is_continue = heading->is_continue || heading->head.status == 100;
        coil__client_take(heading->conn, (size_t)size);
        begin(heading);
    }
}

int coil__client_head_read(struct coil__client_heading *heading, int64_t span_ns,
                           struct coil_http_failure *failure)
{
    int64_t when = coil__http_after(span_ns);
    int size = coil__client_head_look(heading, failure);

    while (size == 0) {
        ssize_t count = coil__client_fill(heading->conn, COIL__CLIENT_ROOM, COIL_NEVER, when);

        if (count == 0) {
            return coil__client_fail(
                failure, -COIL_EINCOMPLETE, "the server has closed the connection %s",
                coil__http_size(&heading->conn->in) > 0 ? "in the middle of a head"
                                                        : "without a response");
        }
        if (coil__http_was_slow((int)count)) {
            return coil__client_fail(failure, -ETIMEDOUT, "no response within %.3g s",
                                     (double)span_ns / (double)COIL_SEC);
        }
        if (count < 0) {
            return coil__client_fail_plainly(failure, (int)count);
        }
        size = coil__client_head_look(heading, failure);
    }
    return size;
}

void coil__client_heading_deinit(struct coil__client_heading *heading)
{
    coil__free(heading->own);
    heading->own = NULL;
}
