/* links.h - the links of an HTML page, by libgumbo. Knows of no loop: it may run in a thread. */
#ifndef CRAWL_LINKS_H
#define CRAWL_LINKS_H

#include <coil/http_url.h>

#include <stdbool.h>
#include <stddef.h>

/* Where links lead to, in the order in which they stand there: resolved and normalised. */
struct links {
    struct coil_http_url **urls; /* owned, and so is each that is not NULL */
    size_t count;
    size_t malformed;  /* those that are no URLs */
    bool is_cut;       /* there were more than the page may have */
    bool is_too_large; /* the page takes more memory or time than a page may: no links were read */
};

/* Reads the links of a page: a, area, link, img, script, iframe and frame, with base. Those that
 * robots are asked not to follow (rel=nofollow; meta name=robots, or of the name of `product`) are
 * left out. html: size bytes; UTF-8, or what is like it where links are. max: links at most. 0,
 * -ENOMEM; in either case links are to be deinited. */
int links_read(struct links *links, const struct coil_http_url *page, const char *html, size_t size,
               const char *product, size_t max);

void links_deinit(struct links *links);

#endif
