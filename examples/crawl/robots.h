/* robots.h - what a robots.txt allows (RFC 9309). Knows of no loop and no network. */
#ifndef CRAWL_ROBOTS_H
#define CRAWL_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROBOTS_MAX_SIZE = 512 * 1024 }; /* bytes that are read; section 2.5 asks for 500 KiB */

struct robots_rule {
    char *pattern; /* in the form in which targets are compared, "*" and "$" apart */
    bool is_allow;
};

/* The rules of one crawler. All-zero: everything is allowed. */
struct robots {
    struct robots_rule *rules;
    size_t count;
    int64_t delay_ns; /* Crawl-delay, which is no part of the RFC; 0: none */
};

/* Reads size bytes of text, and keeps what counts for the crawler of that name: its own groups, or
 * else those of "*". Lines that are none are skipped. 0, -ENOMEM. */
int robots_parse(struct robots *robots, const char *text, size_t size, const char *product);

/* Whether the target (path and query) may be asked for: the longest rule that fits says so. */
bool robots_allow(const struct robots *robots, const char *target);

void robots_deinit(struct robots *robots);

#endif
