/* json_told.h - parsing in the tests, and what is wrong in one line. */
#ifndef COIL_TESTS_JSON_TOLD_H
#define COIL_TESTS_JSON_TOLD_H

#include "harness.h"

#include <coil/error.h>
#include <coil/json.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct coil_json_parsed parsed;

/* From memory of just that size, so that a sanitizer sees what is read behind it. */
static inline int parse_bytes(const struct coil_json_type *type, const char *text, size_t size,
                              const struct coil_json_options *options, void *value)
{
    char *copy = malloc(size > 0 ? size : 1);
    int rc;

    CHECK(copy != NULL);
    memcpy(copy, text, size);
    rc = coil_json_parse(type, copy, size, options, value, &parsed);
    free(copy);
    return rc;
}

static inline int parse_text(const struct coil_json_type *type, const char *text, void *value)
{
    return parse_bytes(type, text, strlen(text), NULL, value);
}

/* "title:missing tags[1]:type"; "" if all is right. */
static inline const char *told(void)
{
    static char buf[2048];
    size_t length = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < parsed.error_count; i++) {
        length +=
            (size_t)snprintf(buf + length, sizeof buf - length, "%s%s:%s", i > 0 ? " " : "",
                             parsed.errors[i].field, coil_json_code_name(parsed.errors[i].code));
    }
    return buf;
}

/* The text is refused, with these errors; the value is not touched. */
#define CHECK_TOLD(type, text, value, expected)                                                    \
    do {                                                                                           \
        CHECK_ERR(parse_text(type, text, value), -EBADMSG);                                        \
        CHECK_STR(told(), expected);                                                               \
    } while (0)

/* The text is refused with one error, which has this message. */
#define CHECK_SAYS(type, text, value, expected)                                                    \
    do {                                                                                           \
        CHECK_ERR(parse_text(type, text, value), -EBADMSG);                                        \
        CHECK_INT(parsed.error_count, ==, 1);                                                      \
        CHECK_STR(parsed.errors[0].message, expected);                                             \
    } while (0)

#endif
