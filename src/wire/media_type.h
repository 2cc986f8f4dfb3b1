/* media_type.h - Content-Type and Content-Disposition: a value with parameters behind it (RFC 9110,
 * sections 5.6.6 and 8.3; RFC 6266; RFC 8187), and the media types of files. */
#ifndef COIL__WIRE_MEDIA_TYPE_H
#define COIL__WIRE_MEDIA_TYPE_H

#include "wire/slice.h"

#include <sys/types.h>

/* A field of the form: value; name=value; name="value". All point into the field. */
struct coil__valued {
    struct coil__slice value;      /* "text/html", "form-data" */
    struct coil__slice parameters; /* what follows, for coil__parameter_next; may be absent */
};

/* Cuts a Content-Type ("type/subtype") or a Content-Disposition (a token). Parameters are checked
 * when they are asked for. 0 or -EBADMSG. */
int coil__media_type_parse(struct coil__slice field, struct coil__valued *ret_type);
int coil__disposition_parse(struct coil__slice field, struct coil__valued *ret_disposition);

/* A parameter, as it stands there: a quoted value has its quotes. */
struct coil__parameter {
    struct coil__slice name;
    struct coil__slice value;
};

/* Takes the next parameter from what is left of them; empty ones are passed over (RFC 9110, section
 * 5.6.6). 1; 0: that was all; -EBADMSG: malformed (a blank around the '=' is), `*parameters` is
 * then absent. */
int coil__parameter_next(struct coil__slice *parameters, struct coil__parameter *ret_parameter);

/* The parameter with the name, in any case of letters. 1; 0: there is none; -EBADMSG: malformed,
 * or there are two. */
int coil__parameter_find(struct coil__slice parameters, const char *name,
                         struct coil__slice *ret_value);

/* The value without quotes and backslashes. buf: buf_size bytes, a NUL is added (value.size + 1 are
 * always enough); may be the value's own memory. The length, or -ENOSPC. */
ssize_t coil__parameter_unquote(struct coil__slice value, char *buf, size_t buf_size);

/* Decodes an extended value, as it stands behind "filename*=": charset'language'text (RFC 8187,
 * section 3.2.1). UTF-8 and ISO-8859-1 are known; what comes out is UTF-8 without a NUL in it. buf:
 * as above, 2 * value.size + 1 are always enough. The length; -EBADMSG: malformed, or another
 * charset; -ENOSPC. */
ssize_t coil__parameter_decode(struct coil__slice value, char *buf, size_t buf_size);

/* Encodes UTF-8 as such a value. The length, or -ENOSPC. */
ssize_t coil__parameter_encode(struct coil__slice text, char *buf, size_t buf_size);

/* What of a file's name, as a peer has sent it, can be used as one: what follows the last '/' or
 * '\\'. Absent: it has a control character, or is "", "." or "..". */
struct coil__slice coil__filename_base(struct coil__slice name);

/* The name of the file that a Content-Disposition gives: filename* if it can be read, else filename
 * (RFC 6266, section 4.3), of that the base. buf: as for coil__parameter_decode. The length; 0: it
 * gives none; -EBADMSG: malformed, or not to be used as a name; -ENOSPC. */
ssize_t coil__disposition_filename(const struct coil__valued *disposition, char *buf,
                                   size_t buf_size);

/* Writes a Content-Disposition: type (a token), and a file's name, in UTF-8: as filename where it
 * is plain ASCII, else also as filename* (RFC 6266, appendix D). buf: a NUL is added. The length;
 * -EINVAL: the type is no token, the name has a control character; -ENOSPC. */
ssize_t coil__disposition_format(const char *type, struct coil__slice filename, char *buf,
                                 size_t buf_size);

/* The media type by the extension of a path ("a/b.html"), in any case of letters; texts come with
 * charset=utf-8. "application/octet-stream" for what is not known. Static storage. */
const char *coil__media_type_of(struct coil__slice path);

/* Whether it is worth compressing: text, and what is made of text. type: with parameters or not. */
bool coil__media_type_is_text(struct coil__slice type);

#endif
