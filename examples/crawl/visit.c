/* visit.c - what is done to a page: it is asked for, and what the answer says is followed.
 *
 * What goes wrong with a page is written down there and is no error: an error of a worker ends the
 * crawl. So a visit fails only if there is no memory, or by a cancel.
 */
#include "crawl.h"
#include "links.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SMALL_PAGE = 16 * 1024, /* bytes of HTML that are read here; more goes to a thread */
    SMALL_BODY = 64 * 1024, /* bytes that are read though nobody wants them: it is cheaper than a
                               new connection */
};

/* The page's end, for the reason that is said. */
static void __attribute__((format(printf, 2, 3)))
break_page(struct page *page, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(page->problem, sizeof page->problem, format, args);
    va_end(args);
    page->state = PAGE_BROKEN;
}

/* --- links --- */

/* HTML that came, and the response whose memory it stands in. */
struct body {
    struct coil_http_response *response; /* NULL: there is none */
    const char *data;
    size_t size;
};

struct reading {
    struct links links;
    const struct page *page;
    const struct body *body;
};

/* Perhaps in a thread. */
static int read_links(void *arg)
{
    struct reading *reading = arg;

    return links_read(&reading->links, reading->page->url, reading->body->data, reading->body->size,
                      CRAWL_PRODUCT, MAX_LINKS);
}

static int add_links(struct page *page, struct links *links)
{
    struct crawl *crawl = page->host->crawl;
    struct page *found;
    int rc = 0;

    crawl->malformed += links->malformed;
    crawl->left_out += links->is_cut;
    for (size_t i = 0; rc == 0 && i < links->count; i++) {
        rc = frontier_add(crawl, links->urls[i], page, page->depth + 1, &found);
        links->urls[i] = NULL; /* consumed */
    }
    return rc;
}

/* Reading HTML takes a millisecond for some 20 KB. Large pages are read in a thread, so that the
 * other tasks need not wait that long. */
static int follow_links(struct page *page, const struct body *body)
{
    struct reading reading = {.page = page, .body = body};
    int rc = body->size > SMALL_PAGE ? coil_to_thread(read_links, &reading) : read_links(&reading);

    if (rc == 0 && reading.links.is_too_large) {
        snprintf(page->problem, sizeof page->problem, "its HTML is too intricate: links not read");
    }
    if (rc == 0) {
        rc = add_links(page, &reading.links);
    }
    links_deinit(&reading.links);
    return rc;
}

/* --- answers --- */

static bool is_loop(const struct page *page)
{
    const struct page *next = page->target;

    for (int i = 0; next && i <= MAX_REDIRECTS; i++) {
        if (next == page) {
            return true;
        }
        next = next->target;
    }
    return false;
}

/* A redirect is followed as a link is: so the rules of its host hold, and nothing is asked for
 * twice. */
static int redirect(struct page *page, const struct coil_http_response *response)
{
    const char *location = coil_http_response_get_field(response, "Location");
    struct coil_http_url *url;
    struct coil_http_url *normal;
    int rc = location ? coil_http_response_resolve(response, location, &url) : -COIL_EURL;

    if (rc == -COIL_EURL || rc == -EPROTONOSUPPORT) {
        break_page(page, "a redirect to no URL that could be followed");
        return 0;
    }
    if (rc == 0) {
        rc = coil_http_url_normalize(url, &normal);
        coil_http_url_free(url);
    }
    if (rc < 0) {
        return rc;
    }
    page->state = PAGE_MOVED;
    snprintf(page->problem, sizeof page->problem, "to %s", normal->text);
    if (page->redirects >= MAX_REDIRECTS) {
        coil_http_url_free(normal);
        break_page(page, "too many redirects");
        return 0;
    }
    rc = frontier_add(page->host->crawl, normal, page, page->depth, &page->target);
    if (page->target && page->target->state == PAGE_WAITING && page->target->redirects == 0) {
        page->target->redirects = page->redirects + 1;
    }
    if (rc == 0 && is_loop(page)) {
        break_page(page, "a redirect that leads back to itself");
    }
    return rc;
}

/* The server asks to come back later: so do all workers of that host. */
static void postpone(struct page *page, const struct coil_http_response *response)
{
    struct host *host = page->host;
    int64_t pause_ns = host_pause_of(response, page->attempts);

    if (page->attempts >= MAX_ATTEMPTS || pause_ns == COIL_NEVER ||
        pause_ns > host->crawl->options->max_wait_ns) {
        break_page(page, "asks to come back later");
        return;
    }
    if (coil_now() + pause_ns > host->next_when) {
        host->next_when = coil_now() + pause_ns;
    }
    page->state = PAGE_WAITING;
}

static bool is_html(const struct page *page)
{
    return strcmp(page->type, "text/html") == 0;
}

/* Reads what came. ret_body: HTML; unchanged where it is none. */
static int read_page(struct page *page, struct coil_http_response *response, struct body *ret_body)
{
    int64_t announced = coil_http_response_body_size(response);
    const char *text;
    ssize_t size;

    page->size = announced < 0 ? 0 : (uint64_t)announced;
    if (!is_html(page) && (announced < 0 || announced > SMALL_BODY)) {
        return 0;
    }
    size = coil_http_response_read_up_to(response, page->host->crawl->options->max_body, &text,
                                         &page->is_cut);
    if (size < 0) {
        const char *problem = coil_http_response_error_text(response);

        page->size = 0;
        break_page(page, "%s", *problem != '\0' ? problem : coil_strerror((int)size));
        return size == -ENOMEM ? -ENOMEM : 0;
    }
    page->size = (uint64_t)size;
    if (is_html(page) && page->status < 300) {
        *ret_body = (struct body){response, text, (size_t)size};
    }
    return 0;
}

static int take_answer(struct page *page, struct coil_http_response *response,
                       struct body *ret_body)
{
    page->status = coil_http_response_status(response);
    if (coil_http_response_media_type(response, page->type, sizeof page->type) < 0) {
        page->type[0] = '\0'; /* a longer one than any that matters */
    }
    if (page->status == 429 || page->status == 503) {
        postpone(page, response);
        return 0;
    }
    if (page->status >= 300 && page->status < 400 && page->status != 304) {
        return redirect(page, response);
    }
    page->state = PAGE_DONE;
    if (page->status >= 400) {
        break_page(page, "%s", coil_http_response_reason(response));
    }
    return read_page(page, response, ret_body);
}

/* --- questions --- */

/* Asks for the page, and takes the answer but for its links. The response stays open if there is
 * HTML: its connection has been given back by then. */
static int ask(struct page *page, struct body *ret_body)
{
    static const struct coil_http_field fields[] = {{"Accept", "text/html,*/*;q=0.8"}};
    struct coil_http_failure failure = {0};
    struct coil_http_request request = {
        .url = page->url->text,
        .fields = fields,
        .field_count = 1,
        .no_redirects = true, /* they are pages of their own */
        .ret_failure = &failure,
    };
    struct coil_http_response *response;
    int64_t start = coil_now();
    int rc = coil_http_session_request(page->host->crawl->session, &request, &response);

    if (rc == 0) {
        rc = take_answer(page, response, ret_body);
        if (!ret_body->response) {
            coil_http_response_close(response);
        }
    } else if (rc != -ENOMEM) {
        break_page(page, "%.100s", failure.text);
        rc = 0;
    }
    page->took_ns = coil_now() - start;
    page->host->took_ns += page->took_ns;
    page->host->bytes += page->size;
    return rc;
}

/* Whether the page may still be asked for, and then that counts: whoever is left out waits for no
 * turn. */
static bool take_place(struct page *page)
{
    struct crawl *crawl = page->host->crawl;

    if (page->attempts > 0) {
        return true;
    }
    if (crawl->started >= crawl->options->max_pages) {
        page->state = PAGE_LEFT;
        return false;
    }
    crawl->started++;
    page->host->page_count++;
    return true;
}

static int ask_in_turn(struct page *page, struct body *ret_body)
{
    struct coil_semaphore *slots = &page->host->crawl->slots;
    int rc = host_wait_turn(page->host);

    if (rc == 0) {
        rc = coil_semaphore_acquire(slots);
    }
    if (rc == 0) {
        page->attempts++;
        rc = ask(page, ret_body);
        coil_semaphore_release(slots);
    }
    return rc;
}

static int visit(struct page *page)
{
    struct host *host = page->host;
    struct body body = {0};
    int rc = host_learn_rules(host);

    if (rc < 0) {
        return rc;
    }
    if (host->is_closed) {
        break_page(page, "the host's robots.txt cannot be had");
    } else if (!robots_allow(&host->robots, page->url->target)) {
        page->state = PAGE_FORBIDDEN;
    } else if (take_place(page)) {
        rc = ask_in_turn(page, &body);
    }
    if (rc == 0 && body.response) {
        rc = follow_links(page, &body);
    }
    coil_http_response_close(body.response);
    return rc == 0 ? coil_check_cancel() : rc;
}

int visit_pages(void *arg)
{
    struct host *host = arg;
    struct crawl *crawl = host->crawl;
    struct page *page;
    int rc = 0;

    while (rc == 0 && (rc = coil_queue_get(&host->pages, &page)) == 0) {
        crawl->waiting--;
        crawl->open++;
        page->state = PAGE_OPEN;
        rc = visit(page);
        if (rc == 0 && page->state == PAGE_WAITING) { /* once more, later */
            crawl->open--;
            crawl->waiting++;
            rc = coil_queue_try_put(&host->pages, &page);
        } else if (rc == 0) {
            frontier_end(page);
        } else {
            page->state = PAGE_LEFT; /* in the middle of a visit, which is no fault of the page's */
            page->problem[0] = '\0';
        }
    }
    return rc;
}
