/* fetch.h - what the parts of fetch share: the options, and the pages to be fetched. */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;

/* One URL and what became of it. */
struct page {
    char *url;
    const struct options *options;
    int status;       /* of HTTP; 0: no answer came */
    size_t body_size; /* bytes that came */
    int64_t took_ns;
    const char *problem; /* a sentence, or NULL: it was fetched */
    bool is_done;        /* false: fetch was interrupted before its turn came */
};

struct options {
    struct page *pages;
    size_t page_count;
    size_t limit;       /* at most so many at once */
    int64_t timeout_ns; /* for each */
    bool has_progress;
    bool is_quiet; /* no table */
};

struct progress {
    size_t total;
    size_t done;
    size_t running;
};

/* options.c: reads the command line. 0; 1: help was printed; -1: it was wrong, which has been said.
 * What it allocates is freed by options_free. */
int options_read(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/* report.c */
void report_progress(const struct progress *progress);
void report_progress_end(void);
void report_table(const struct options *options);
void report_totals(const struct options *options, int64_t took_ns);

/* True when there is no page, or one that says it is an error (status 400 and above). */
bool page_has_failed(const struct page *page);

#endif
