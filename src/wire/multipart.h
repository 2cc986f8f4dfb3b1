/* multipart.h - multipart/form-data (RFC 7578, RFC 2046 section 5.1): what browsers send for a form
 * with files. Bytes in, in pieces of any size; parts, and slices of their data, out.
 *
 *     coil__multipart_init(&parser, boundary, head, sizeof head, 100);
 *     while (a piece of the body comes: input) {
 *         while ((event = coil__multipart_next(&parser, &input, &item)) > 0) {
 *             COIL__MULTIPART_PART:     item.name, item.filename, item.content_type
 *             COIL__MULTIPART_DATA:     item.data
 *             COIL__MULTIPART_PART_END: that was all of this part
 *             COIL__MULTIPART_END:      that was the last part; what follows is passed over
 *         }
 *         if (event < 0) answer 400 (413 for the bounds)
 *     }
 *     coil__multipart_finish(&parser);         // the body's end: was there an end of the parts?
 *
 * Time is in proportion to the input. Nothing is kept of it but the head of a part, in the caller's
 * buffer; bytes that may begin a delimiter are known, and need not be kept. How the input is cut
 * into pieces only changes how the data is.
 */
#ifndef COIL__WIRE_MULTIPART_H
#define COIL__WIRE_MULTIPART_H

#include "wire/slice.h"

#include <sys/types.h>

/* Longest boundary (RFC 2046, section 5.1.1), without a NUL. */
enum { COIL__MULTIPART_BOUNDARY = 70 };

/* Used negated, see url.h. */
enum coil__multipart_error {
    COIL__EMULTIPART_TYPE = 8151, /* Content-Type is not multipart/form-data with a boundary */
    COIL__EMULTIPART_BOUNDARY,    /* the boundary is longer, or has a character it may not have */
    COIL__EMULTIPART_DELIMITER,   /* something stands behind a delimiter on its line */
    COIL__EMULTIPART_HEAD,        /* a part's head: a line that is no field, a bare CR or LF */
    COIL__EMULTIPART_NAME,        /* no Content-Disposition: form-data with a name */
    COIL__EMULTIPART_HEAD_SIZE,   /* bound: a part's head is larger than the buffer */
    COIL__EMULTIPART_PARTS,       /* bound: more parts than are allowed */
    COIL__EMULTIPART_INCOMPLETE,  /* the body ended before the parts did */
    COIL__EMULTIPART_END_,
};

enum coil__multipart_event {
    COIL__MULTIPART_MORE, /* the input is used up */
    COIL__MULTIPART_PART,
    COIL__MULTIPART_DATA,
    COIL__MULTIPART_PART_END,
    COIL__MULTIPART_END,
};

/* What an event is about. Slices of names are valid until the part ends, data until the next call.
 */
struct coil__multipart_item {
    struct coil__slice name;         /* PART: of the form's field */
    struct coil__slice filename;     /* PART: absent if it is no file; see coil__filename_base */
    struct coil__slice content_type; /* PART: absent: text/plain (RFC 7578, section 4.4) */
    struct coil__slice data;         /* DATA: never empty */
};

/* Private. */
struct coil__multipart {
    char delimiter[4 + COIL__MULTIPART_BOUNDARY]; /* CR LF '-' '-' boundary */
    size_t delimiter_size;
    size_t matched;  /* bytes of it that were seen, and not given out */
    size_t not_data; /* so many of these are the end of the line before: never given out */
    char *head;
    size_t head_size;
    size_t head_length;
    size_t parts_left;
    int state;
    int failure; /* what every call returns from now on; 0: none */
};

/* Gets the boundary out of a Content-Type. buf: at least COIL__MULTIPART_BOUNDARY + 1 bytes. Its
 * length; -COIL__EMULTIPART_TYPE, -COIL__EMULTIPART_BOUNDARY. */
ssize_t coil__multipart_boundary(struct coil__slice content_type, char *buf, size_t buf_size);

/* Begins. boundary: is copied. head: head_size bytes, which the parser uses as long as it is used:
 * the bound on a part's head. max_parts: bound. 0 or -COIL__EMULTIPART_BOUNDARY. */
int coil__multipart_init(struct coil__multipart *parser, struct coil__slice boundary, char *head,
                         size_t head_size, size_t max_parts);

/* The next event. input: the bytes that were not used yet; moved behind those that this call has
 * used. ret_item: see above; data may point into the input or into the parser. A value of enum
 * coil__multipart_event, or a -COIL__EMULTIPART_, which all later calls return too. */
int coil__multipart_next(struct coil__multipart *parser, struct coil__slice *input,
                         struct coil__multipart_item *ret_item);

/* The body has ended. 0, -COIL__EMULTIPART_INCOMPLETE, or what next has failed with. */
int coil__multipart_finish(const struct coil__multipart *parser);

/* --- writing --- */

/* Content-Type for a boundary of the caller's. The length; -COIL__EMULTIPART_BOUNDARY, -ENOSPC. */
ssize_t coil__multipart_content_type(struct coil__slice boundary, char *buf, size_t buf_size);

/* Writes what stands before the data of a part: delimiter and head. The caller has to know that
 * the boundary does not occur in any data (by chance: take 16 random characters). is_first: it is
 * the first part. filename, content_type: may be absent. Quotes and line ends in names are escaped
 * as browsers do (WHATWG HTML, section 4.10.21.8): %22, %0D, %0A. The length;
 * -COIL__EMULTIPART_BOUNDARY; -EINVAL: a control character in content_type; -ENOSPC. */
ssize_t coil__multipart_write_part(struct coil__slice boundary, bool is_first,
                                   const struct coil__multipart_item *part, char *buf,
                                   size_t buf_size);

/* Writes what stands behind the last part; is_empty: there was none. As above. */
ssize_t coil__multipart_write_end(struct coil__slice boundary, bool is_empty, char *buf,
                                  size_t buf_size);

/* A sentence for a -COIL__EMULTIPART_, without a full stop; for others coil_strerror's. Never NULL.
 */
const char *coil__multipart_strerror(int error);

#endif
