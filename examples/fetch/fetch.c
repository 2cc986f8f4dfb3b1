/* fetch.c - fetches many web pages at once, and says how long that took and would have taken.
 *
 *     fetch http://example.org/ http://example.com/
 *     fetch -j 200 -f urls.txt
 *     fetch -1 - <urls.txt
 *
 * Each URL is a task: it connects, asks and reads as if it were alone. coil_map starts them, at
 * most -j at once, and coil_timeout ends those that take too long. url.c takes URLs apart, http.c
 * speaks HTTP, options.c reads the command line and report.c prints.
 */
#include "fetch.h"
#include "http.h"

#include <coil.h>

#include <errno.h>
#include <stdio.h>

/* Set by the tasks, read by the progress line: they share one thread, so nothing needs a lock. */
static struct progress progress;

/* One task: fetches one URL. What goes wrong is written down and is no error of the task's, since
 * an error would make coil_map cancel the others. */
static int fetch_page(void *arg)
{
    struct page *page = arg;
    struct http_response response = {0};
    struct url url;
    int64_t start = coil_now();

    progress.running++;
    page->problem = url_parse(page->url, &url);
    if (!page->problem) {
        int rc = -ETIMEDOUT;

        coil_timeout(page->options->timeout_ns) {
            rc = http_get(&url, &response);
        }
        page->status = response.status;
        page->body_size = response.body_size;
        if (rc < 0) {
            page->problem = response.problem ? response.problem : coil_strerror(rc);
        }
    }
    page->took_ns = coil_now() - start;
    page->is_done = true;
    progress.running--;
    progress.done++;
    return 0;
}

/* Another task: keeps the progress line up to date until it is cancelled. */
static int show_progress(void *arg)
{
    (void)arg;
    do {
        report_progress(&progress);
    } while (coil_sleep(100 * COIL_MSEC) == 0);
    report_progress_end();
    return 0;
}

/* The first task. Returns how many pages could not be fetched, or an error. */
static int fetch_all(void *arg)
{
    struct options *options = arg;
    struct coil_task *watcher = NULL;
    int64_t start = coil_now();
    int rc;

    progress.total = options->page_count;
    if (options->has_progress) {
        watcher = coil_create_task(show_progress, NULL);
    }
    rc = coil_map(fetch_page, options->pages, options->page_count, sizeof *options->pages,
                  options->limit);
    if (watcher) {
        coil_cancel(watcher);
        coil_await(watcher);
    }
    report_table(options);
    report_totals(options, coil_now() - start);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int rc = options_read(&options, argc, argv);
    bool has_failed = false;

    if (rc != 0) {
        return rc > 0 ? 0 : 2; /* > 0: help was asked for */
    }
    rc = coil_run(fetch_all, &options);
    if (rc < 0) {
        fprintf(stderr, "fetch: %s\n", coil_strerror(rc));
    }
    for (size_t i = 0; i < options.page_count; i++) {
        has_failed |= page_has_failed(&options.pages[i]);
    }
    options_free(&options);
    if (rc == -EINTR) {
        return 130; /* as programs do that end by SIGINT */
    }
    return rc < 0 || has_failed;
}
