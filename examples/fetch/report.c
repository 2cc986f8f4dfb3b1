/* report.c - the progress line, the table and the totals. */
#include "fetch.h"

#include <coil.h>

#include <stdio.h>

bool page_has_failed(const struct page *page)
{
    return !page->is_done || page->problem || page->status >= 400;
}

void report_progress(const struct progress *progress)
{
    fprintf(stderr, "\r%zu of %zu done, %zu running \b", progress->done, progress->total,
            progress->running);
    fflush(stderr);
}

void report_progress_end(void)
{
    fprintf(stderr, "\r\033[K"); /* clears the line */
    fflush(stderr);
}

static void print_page(const struct page *page)
{
    if (page->status > 0) {
        printf("%6d", page->status);
    } else {
        printf("     -");
    }
    printf(" %10zu %8.1f  %s", page->body_size, (double)page->took_ns / COIL_MSEC, page->url);
    if (!page->is_done) {
        printf("  (not fetched)");
    } else if (page->problem) {
        printf("  (%s)", page->problem);
    }
    printf("\n");
}

void report_table(const struct options *options)
{
    if (options->is_quiet) {
        return;
    }
    printf("status      bytes       ms  URL\n");
    for (size_t i = 0; i < options->page_count; i++) {
        print_page(&options->pages[i]);
    }
}

void report_totals(const struct options *options, int64_t took_ns)
{
    size_t failed = 0;
    size_t bytes = 0;
    int64_t sum = 0;
    double took = (double)took_ns / COIL_SEC;

    for (size_t i = 0; i < options->page_count; i++) {
        const struct page *page = &options->pages[i];

        failed += page_has_failed(page);
        bytes += page->body_size;
        sum += page->took_ns;
    }
    printf("%zu pages, %zu failed, %zu bytes in %.3f s\n", options->page_count, failed, bytes,
           took);
    if (options->limit > 1 && took > 0) {
        printf("one by one: %.3f s, %.1f times as long\n", (double)sum / COIL_SEC,
               (double)sum / COIL_SEC / took);
    }
}
