/* http1_check.h - tables of heads and of what becomes of them. Each is fed whole, byte by byte, and
 * cut in two at every place: the result must be the same. */
#ifndef COIL_TESTS_HTTP1_CHECK_H
#define COIL_TESTS_HTTP1_CHECK_H

#include "harness.h"
#include "http1_feed.h"

/* A head that is taken, or refused. */
struct head_case {
    const char *section; /* of RFC 9112, unless it says more */
    const char *input;
    const char *text; /* what is found; NULL: refused */
    int error;        /* positive; 0: not refused, or (without text) not complete */
    unsigned status;  /* of the answer; 0: 400 */
    size_t size;      /* 0: up to the first NUL */
    size_t rest;      /* bytes that follow the head */
};

static inline void check_fed(const struct head_case *c, const struct fed *fed, const char *how,
                             size_t place)
{
    size_t size = c->size > 0 ? c->size : strlen(c->input);
    int rc = c->text ? (int)(size - c->rest) : -c->error;

    CHECK_MSG(fed->rc == rc, "%s: %s: %s %zu: %d (%s), not %d (%s)", c->section, c->input, how,
              place, fed->rc, coil__http1_error_text(fed->rc), rc, coil__http1_error_text(rc));
    CHECK_MSG(fed->is_sound, "%s: %s: %s %zu: a slice beyond the bytes", c->section, c->input, how,
              place);
    CHECK_STR(fed->text, c->text ? c->text : "");
}

static inline void check_head(const struct head_case *c, const enum coil__http1_method *request,
                              const struct coil__http1_limits *limits)
{
    size_t size = c->size > 0 ? c->size : strlen(c->input);
    size_t stride = size > 600 ? size / 97 : 1;
    struct fed fed;

    feed_head(c->input, size, (struct pieces){size, 0}, request, limits, &fed);
    check_fed(c, &fed, "whole", 0);
    feed_head(c->input, size, (struct pieces){0, 1}, request, limits, &fed);
    check_fed(c, &fed, "byte by byte", 0);
    for (size_t place = 1; place < size; place += stride) {
        feed_head(c->input, size, (struct pieces){place, size}, request, limits, &fed);
        check_fed(c, &fed, "cut at", place);
    }
    if (c->error) {
        CHECK_INT(coil__http1_error_status(-c->error), ==, c->status ? c->status : 400);
        CHECK(strcmp(coil__http1_error_text(-c->error), "no error") != 0);
    }
}

#endif
