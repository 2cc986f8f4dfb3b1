/* upload.h - what the two readers of multipart/form-data share: the stream of a handler
 * (upload.c), and the forms of the API layer (app_form.c). */
#ifndef COIL__HTTP_UPLOAD_H
#define COIL__HTTP_UPLOAD_H

#include "wire/multipart.h"

enum {
    COIL__UPLOAD_PARTS = 100,
    COIL__UPLOAD_HEAD = 4096, /* bytes of a part's head */
};

/* The string at a slice of a part's head, made in place: a NUL over what follows it there, a quote,
 * a semicolon or a CR, which nobody looks at any more. NULL for an absent one. */
char *coil__upload_string(char *head, struct coil__slice slice);

/* The same of a file's name: what of it can be used as one, or "". */
const char *coil__upload_filename(char *head, struct coil__slice filename);

#endif
