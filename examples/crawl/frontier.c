/* frontier.c - the pages and the hosts that are known, and those pages that wait.
 *
 * Both are kept in the trees of <search.h>, which stay balanced whatever URLs a site invents, and
 * in lists, in the order in which they were found. How many pages are remembered is bounded: a site
 * can have URLs without end.
 */
#include "crawl.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_PER_PAGE = 100 }; /* pages that are remembered for each one that may be asked for */

/* --- hosts --- */

static int compare_hosts(const void *a, const void *b)
{
    return strcmp(((const struct host *)a)->origin, ((const struct host *)b)->origin);
}

static void free_host(struct host *host)
{
    coil_queue_deinit(&host->pages);
    robots_deinit(&host->robots);
    free(host->origin);
    free(host);
}

/* The host of a URL; NULL: no memory. */
static struct host *find_host(struct crawl *crawl, const struct coil_http_url *url)
{
    struct host wanted = {.origin = (char *)url->origin};
    struct host **found = tfind(&wanted, &crawl->host_tree, compare_hosts);
    struct host *host;

    if (found) {
        return *found;
    }
    host = calloc(1, sizeof *host);
    if (!host) {
        return NULL;
    }
    host->crawl = crawl;
    host->origin = strdup(url->origin);
    host->delay_ns = crawl->options->delay_ns;
    if (!host->origin || coil_queue_init(&host->pages, sizeof(struct page *), 0) < 0 ||
        !tsearch(host, &crawl->host_tree, compare_hosts)) {
        free_host(host);
        return NULL;
    }
    if (crawl->last_host) {
        crawl->last_host->next = host;
    } else {
        crawl->first_host = host;
    }
    crawl->last_host = host;
    return host;
}

/* --- pages --- */

static int compare_pages(const void *a, const void *b)
{
    return strcmp(((const struct page *)a)->url->text, ((const struct page *)b)->url->text);
}

static struct page *find_page(struct crawl *crawl, struct coil_http_url *url)
{
    struct page wanted = {.url = url};
    struct page **found = tfind(&wanted, &crawl->page_tree, compare_pages);

    return found ? *found : NULL;
}

static void add_referrer(struct page *page, struct page *from)
{
    if (!from || from == page) {
        return;
    }
    for (size_t i = 0; i < page->referrer_count && i < MAX_REFERRERS; i++) {
        if (page->referrers[i] == from) {
            return;
        }
    }
    if (page->referrer_count < MAX_REFERRERS) {
        page->referrers[page->referrer_count] = from;
    }
    page->referrer_count++;
}

/* Each scheme has a port of its own: going from http to https is no way out. */
static bool is_default_port(const struct coil_http_url *url)
{
    return url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
}

static bool is_inside(const struct crawl *crawl, const struct coil_http_url *url)
{
    const struct coil_http_url *home = crawl->home ? crawl->home->url : url;

    return crawl->options->spans_hosts ||
           (strcmp(url->host, home->host) == 0 &&
            (url->port == home->port || (is_default_port(url) && is_default_port(home))));
}

/* Puts a new page into the queue of its host, which gets a worker more for it if it has too few. */
static int add_page(struct crawl *crawl, struct page *page)
{
    struct host *host = page->host;
    int rc = coil_queue_try_put(&host->pages, &page);

    if (rc == 0 && host->workers < crawl->options->host_limit) {
        rc = coil_group_spawn(&crawl->group, visit_pages, host);
        host->workers += rc == 0;
        rc = rc == -COIL_ECLOSED ? 0 : rc; /* all is being cancelled */
    }
    return rc;
}

/* Consumes the URL. */
static struct page *make_page(struct crawl *crawl, struct coil_http_url *url, unsigned depth)
{
    struct page *page = calloc(1, sizeof *page);

    if (!page) {
        coil_http_url_free(url);
        return NULL;
    }
    page->url = url;
    page->depth = depth;
    page->host = find_host(crawl, url);
    if (page->host && tsearch(page, &crawl->page_tree, compare_pages)) {
        if (crawl->last) {
            crawl->last->next = page;
        } else {
            crawl->first = page;
        }
        crawl->last = page;
        crawl->known++;
        crawl->waiting++;
        return page;
    }
    coil_http_url_free(url);
    free(page);
    return NULL;
}

int frontier_add(struct crawl *crawl, struct coil_http_url *url, struct page *from, unsigned depth,
                 struct page **ret_page)
{
    struct page *page = find_page(crawl, url);
    bool is_web = strncmp(url->scheme, "http", 4) == 0;
    bool is_start = !from || (from == crawl->home && from->state == PAGE_MOVED);
    size_t bound = crawl->options->max_pages * KNOWN_PER_PAGE;

    *ret_page = page;
    if (!page && is_web && (is_start || is_inside(crawl, url)) &&
        depth <= crawl->options->max_depth && crawl->known < bound) {
        page = make_page(crawl, url, depth);
        if (!page) {
            return -ENOMEM;
        }
        if (is_start) {
            crawl->home = page; /* where the start leads is where to stay */
        }
        *ret_page = page;
        add_referrer(page, from);
        return add_page(crawl, page);
    }
    if (page) {
        add_referrer(page, from);
    } else if (is_web && !is_inside(crawl, url)) {
        crawl->outside++;
    } else if (is_web && crawl->known >= bound) {
        crawl->left_out++;
    }
    coil_http_url_free(url);
    return 0;
}

void frontier_end(struct page *page)
{
    struct crawl *crawl = page->host->crawl;

    crawl->open--;
    crawl->ended++;
    if (page->state == PAGE_BROKEN) {
        crawl->failed++;
        page->host->failed++;
    }
    if (crawl->open == 0 && crawl->waiting == 0) {
        coil_event_set(&crawl->is_done);
    }
}

static void keep(void *item)
{
    (void)item; /* it is freed by way of its list */
}

void frontier_deinit(struct crawl *crawl)
{
    tdestroy(crawl->page_tree, keep);
    tdestroy(crawl->host_tree, keep);
    while (crawl->first_host) {
        struct host *host = crawl->first_host;

        crawl->first_host = host->next;
        free_host(host);
    }
    while (crawl->first) {
        struct page *page = crawl->first;

        crawl->first = page->next;
        coil_http_url_free(page->url);
        free(page);
    }
}
