/* coil/http_multipart.h - uploads: what a browser sends for a form with files, multipart/form-data
 * (RFC 7578), read part by part while it comes.
 *
 *     static int upload(struct coil_http_exchange *exchange, void *user)
 *     {
 *         struct coil_http_multipart *multipart;
 *         struct coil_http_part part;
 *         int rc = coil_http_multipart_open(exchange, NULL, &multipart);
 *
 *         while (rc >= 0 && (rc = coil_http_multipart_next(multipart, &part)) > 0) {
 *             while ((count = coil_http_multipart_read(multipart, buf, sizeof buf)) > 0) {
 *                 ... count bytes of part.name, of the file part.filename
 *             }
 *             rc = (int)count;
 *         }
 *         coil_http_multipart_close(multipart);
 *         return rc < 0 ? rc : coil_http_reply(exchange, 200, NULL, NULL, 0);
 *     }
 *
 * Nothing is kept of a body but a piece of 16 KiB and the head of a part: a file of any size goes
 * through, up to max_body of the server's options. The parts come in the order of the form.
 *
 * What is wrong with the body ends it: all later calls fail alike, nothing more is read, and a
 * handler that returns the error has its client answered with the right status. No report is made
 * of that.
 *
 * What a part says is the client's word: neither the name of a file nor its type need be true.
 *
 * asyncio has no counterpart; aiohttp's request.multipart() is the neighbour. Library: coil-http.
 */
#ifndef COIL_HTTP_MULTIPART_H
#define COIL_HTTP_MULTIPART_H

#include <coil/base.h>

#include <sys/types.h>

struct coil_http_exchange;
struct coil_http_multipart;

/* All-zero is the default of everything. */
struct coil_http_multipart_options {
    size_t max_parts;  /* 0: 100 */
    size_t max_head;   /* bytes of a part's head; 0: 4 KiB; up to 1 MiB */
    uint64_t max_part; /* bytes of the data of one part; 0: no limit but max_body */
};

/* A part of the form. The strings are valid until the next part, or the close. Other fields of a
 * part's head are passed over, as RFC 7578, section 4.8 wants it. */
struct coil_http_part {
    const char *name;     /* of the form's field; any bytes but a NUL */
    const char *filename; /* of a file: the last part of a path, in UTF-8, without control
                             characters, never "." or ".."; "": a file that has no such name;
                             NULL: no file */
    const char *type;     /* Content-Type; "text/plain" if none is said (section 4.4) */
};

COIL_BEGIN_DECLS

/* Begins to read the body of a request as multipart/form-data. Nothing else may read that body.
 * options: may be NULL. ret_multipart: the caller's, who closes it before the handler returns. 0;
 * -COIL_EPROTOCOL: the body is of another type (415), or its boundary cannot be one (400): who
 * takes other types too, looks at Content-Type first; -EINVAL; -ENOMEM. */
COIL_EXPORT int coil_http_multipart_open(struct coil_http_exchange *exchange,
                                         const struct coil_http_multipart_options *options,
                                         struct coil_http_multipart **ret_multipart);

/* Goes to the next part; what was not read of the one before is skipped. 1: `*ret_part` is set; 0:
 * there is none left. Errors: -COIL_EPROTOCOL (malformed, or without an end: 400), -COIL_ELIMIT
 * (more parts, or a larger head, than allowed: 413), and as coil_http_read. Cancel: it may be
 * called again. */
COIL_EXPORT COIL_SUSPENDS int coil_http_multipart_next(struct coil_http_multipart *multipart,
                                                       struct coil_http_part *ret_part);

/* Reads some of the part's data, at least one byte, at most size. 0: that was all of it. Errors:
 * -COIL_ELIMIT (more than max_part: 413), -COIL_EINVALIDSTATE (no part was asked for yet),
 * and as next. Cancel: nothing was read. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_multipart_read(struct coil_http_multipart *multipart,
                                                           void *buf, size_t size);

/* Reads all that is left of the part's data, for fields that are text. buf: a NUL is added. size:
 * of buf in bytes, above 0. Returns the length without the NUL, which says whether there are others
 * in it. Errors: -COIL_ELIMIT (it does not fit: 413), and as read. Cancel: what was read is lost,
 * the rest can be read or skipped. */
COIL_EXPORT COIL_SUSPENDS ssize_t
coil_http_multipart_read_text(struct coil_http_multipart *multipart, char *buf, size_t size);

/* Frees it. What was not read of the body is left to the server, which drops a little, and else
 * closes the connection. NULL: does nothing. */
COIL_EXPORT void coil_http_multipart_close(struct coil_http_multipart *multipart);

COIL_END_DECLS

#endif
