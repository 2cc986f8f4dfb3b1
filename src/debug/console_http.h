/* console_http.h - requests to the console: what they ask for, and whether they may. No loop and no
 * sockets: bytes in, a verdict out. */
#ifndef COIL__DEBUG_CONSOLE_HTTP_H
#define COIL__DEBUG_CONSOLE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { COIL__CONSOLE_HEAD = 8192 }; /* most bytes of a request line and its fields */

/* Texts stand in the head that was parsed. */
struct coil__request {
    bool is_head;              /* HEAD; else GET */
    const char *path;          /* "/state.json" */
    const char *query;         /* what stands behind the '?', or "" */
    const char *host;          /* the field's value, or NULL */
    const char *authorization; /* likewise */
    const char *cookie;
};

/* Whom the console lets in. */
struct coil__access {
    bool is_host_checked; /* only hosts of this machine: against DNS rebinding */
    const char *token;    /* or NULL */
    const char *cookie;   /* the name of the cookie that carries it */
};

/* Reads a head, from the request line to the empty line that ends it (RFC 9112). head: size bytes,
 * written to. 0, or the status of the answer: 400, 405, 413 (it has a body), 505. */
int coil__request_parse(char *head, size_t size, struct coil__request *ret_request);

/* 0, or the status of the answer: 401, 403. ret_by_query: the token stood in the query. */
int coil__request_admit(const struct coil__access *access, const struct coil__request *request,
                        bool *ret_by_query);

/* What a parameter of the query is, up to the next one; or NULL. ret_size: its bytes. */
const char *coil__request_query(const struct coil__request *request, const char *name,
                                size_t *ret_size);

/* True for what a token is made of: 16 to 128 letters, digits and "-._~". */
bool coil__token_is_good(const char *token);

/* "OK" for 200. */
const char *coil__status_text(int status);

#endif
