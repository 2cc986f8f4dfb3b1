/* report.c - the progress line, and the tables at the end.
 *
 * URLs and problems come from strangers; what is printed of them is plain: URLs have no control
 * characters (coil/http_url.h), and those of other texts are replaced.
 */
#include "crawl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOWEST = 10, HOSTS = 20, BROKEN = 100, MAX_STATUS = 1000 };

const char *report_state_name(enum page_state state)
{
    static const char *const names[] = {
        [PAGE_WAITING] = "waiting", [PAGE_OPEN] = "open",     [PAGE_DONE] = "done",
        [PAGE_MOVED] = "moved",     [PAGE_BROKEN] = "broken", [PAGE_FORBIDDEN] = "forbidden",
        [PAGE_LEFT] = "left",
    };

    return names[state];
}

/* --- while it goes on --- */

/* A task of the crawl's group, which cancels it at the end. */
int report_progress(void *arg)
{
    const struct crawl *crawl = arg;
    int rc;

    do {
        double seconds = (double)(coil_now() - crawl->began) / COIL_SEC;

        fprintf(stderr, "\r%zu pages done, %zu waiting, %zu failed, %.1f a second \b", crawl->ended,
                crawl->waiting + crawl->open, crawl->failed,
                seconds > 0 ? (double)crawl->ended / seconds : 0);
        fflush(stderr);
        rc = coil_sleep(100 * COIL_MSEC);
    } while (rc == 0);
    fprintf(stderr, "\r\033[K"); /* clears the line */
    return rc;
}

/* --- at the end --- */

static double milliseconds(int64_t span_ns)
{
    return (double)span_ns / COIL_MSEC;
}

static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        putchar(iscntrl((unsigned char)*text) ? '?' : *text);
    }
}

static void print_statuses(const struct crawl *crawl)
{
    size_t counts[MAX_STATUS] = {0};
    size_t states[PAGE_LEFT + 1] = {0};

    for (const struct page *page = crawl->first; page; page = page->next) {
        if (page->state == PAGE_DONE || page->state == PAGE_MOVED || page->state == PAGE_BROKEN) {
            counts[page->status < MAX_STATUS ? page->status : 0]++;
        } else {
            states[page->state]++;
        }
    }
    printf("status      pages\n");
    for (size_t i = 1; i < MAX_STATUS; i++) {
        if (counts[i] > 0) {
            printf("%-9zu %7zu\n", i, counts[i]);
        }
    }
    if (counts[0] > 0) {
        printf("no answer %7zu\n", counts[0]);
    }
    if (states[PAGE_FORBIDDEN] > 0) {
        printf("forbidden %7zu  by robots.txt\n", states[PAGE_FORBIDDEN]);
    }
    if (states[PAGE_LEFT] + states[PAGE_WAITING] > 0) {
        printf("left      %7zu  not asked for any more\n",
               states[PAGE_LEFT] + states[PAGE_WAITING]);
    }
}

static void print_hosts(const struct crawl *crawl)
{
    size_t more = 0;

    printf("\nhost                                       pages  failed       bytes  mean ms  "
           "robots\n");
    for (const struct host *host = crawl->first_host; host; host = host->next) {
        size_t place = more++;

        if (place >= HOSTS) {
            continue;
        }
        printf("%-40s %7zu %7zu %11llu %8.1f  %s\n", host->origin, host->page_count, host->failed,
               (unsigned long long)host->bytes,
               host->page_count > 0 ? milliseconds(host->took_ns) / (double)host->page_count : 0,
               host->robots_text ? host->robots_text : "-");
    }
    if (more > HOSTS) {
        printf("... and %zu more\n", more - HOSTS);
    }
}

size_t report_slowest(const struct crawl *crawl, const struct page **ret_pages, size_t count)
{
    size_t found = 0;

    for (const struct page *page = crawl->first; page; page = page->next) {
        size_t at = found;

        if (page->took_ns == 0) {
            continue;
        }
        while (at > 0 && ret_pages[at - 1]->took_ns < page->took_ns) {
            if (at < count) {
                ret_pages[at] = ret_pages[at - 1];
            }
            at--;
        }
        if (at < count) {
            ret_pages[at] = page;
            found += found < count;
        }
    }
    return found;
}

static void print_slowest(const struct crawl *crawl)
{
    const struct page *pages[SLOWEST];
    size_t count = report_slowest(crawl, pages, SLOWEST);

    if (count > 0) {
        printf("\nslowest ms\n");
    }
    for (size_t i = 0; i < count; i++) {
        printf("%10.1f  %s\n", milliseconds(pages[i]->took_ns), pages[i]->url->text);
    }
}

static void print_referrers(const struct page *page)
{
    for (size_t i = 0; i < page->referrer_count && i < MAX_REFERRERS; i++) {
        printf("             from %s\n", page->referrers[i]->url->text);
    }
    if (page->referrer_count > MAX_REFERRERS) {
        printf("             and %zu more\n", page->referrer_count - MAX_REFERRERS);
    }
}

static void print_broken(const struct crawl *crawl)
{
    size_t count = 0;

    for (const struct page *page = crawl->first; page; page = page->next) {
        if (page->state != PAGE_BROKEN || count++ >= BROKEN) {
            continue;
        }
        if (count == 1) {
            printf("\nbroken links\n");
        }
        if (page->status > 0) {
            printf("%10u  %s  (", page->status, page->url->text);
        } else {
            printf("         -  %s  (", page->url->text);
        }
        print_text(page->problem);
        printf(")\n");
        print_referrers(page);
    }
    if (count > BROKEN) {
        printf("... and %zu more\n", count - BROKEN);
    }
}

void report_print(const struct crawl *crawl)
{
    double seconds = (double)crawl->took_ns / COIL_SEC;

    print_statuses(crawl);
    print_hosts(crawl);
    print_slowest(crawl);
    print_broken(crawl);
    if (crawl->malformed + crawl->left_out > 0) {
        printf("\nlinks that are no URLs: %zu; left out, because there are too many: %zu\n",
               crawl->malformed, crawl->left_out);
    }
    printf("\n%zu pages, %zu broken, in %.2f s, %.1f a second%s\n", crawl->started, crawl->failed,
           seconds, seconds > 0 ? (double)crawl->started / seconds : 0,
           crawl->was_interrupted ? " (interrupted)" : "");
    fflush(stdout);
}
