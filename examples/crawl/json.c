/* json.c - the report as JSON, by jansson. All that is packed is released by its parent; a NULL
 * somewhere (no memory) makes the whole NULL.
 */
#include "crawl.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { SLOWEST = 10 };

static double milliseconds(int64_t span_ns)
{
    return (double)span_ns / COIL_MSEC;
}

/* A string that may be no UTF-8: JSON has no other. */
static json_t *text_of(const char *text)
{
    json_t *made = json_string(text);

    return made ? made : json_string("?");
}

static json_t *page_of(const struct page *page)
{
    json_t *made = json_pack(
        "{s:s, s:s, s:i, s:o, s:I, s:b, s:f, s:i, s:o}", "url", page->url->text, "state",
        report_state_name(page->state), "status", (int)page->status, "type", text_of(page->type),
        "bytes", (json_int_t)page->size, "cut", (int)page->is_cut, "ms",
        milliseconds(page->took_ns), "depth", (int)page->depth, "problem", text_of(page->problem));

    if (made && page->target) {
        json_object_set_new(made, "target", json_string(page->target->url->text));
    }
    return made;
}

static json_t *broken_of(const struct page *page)
{
    json_t *referrers = json_array();

    for (size_t i = 0; i < page->referrer_count && i < MAX_REFERRERS; i++) {
        json_array_append_new(referrers, json_string(page->referrers[i]->url->text));
    }
    return json_pack("{s:s, s:i, s:o, s:o, s:I}", "url", page->url->text, "status",
                     (int)page->status, "problem", text_of(page->problem), "referrers", referrers,
                     "referrer_count", (json_int_t)page->referrer_count);
}

static json_t *host_of(const struct host *host)
{
    double mean = host->page_count > 0 ? milliseconds(host->took_ns) / (double)host->page_count : 0;

    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:s, s:f}", "host", host->origin, "pages",
                     (json_int_t)host->page_count, "failed", (json_int_t)host->failed, "bytes",
                     (json_int_t)host->bytes, "mean_ms", mean, "robots",
                     host->robots_text ? host->robots_text : "not asked for", "delay_seconds",
                     (double)host->delay_ns / COIL_SEC);
}

/* How many pages there are of each status. */
static json_t *statuses_of(const struct crawl *crawl)
{
    json_t *made = json_object();

    for (const struct page *page = crawl->first; page; page = page->next) {
        char name[16];

        if (page->status > 0) {
            snprintf(name, sizeof name, "%u", page->status);
            json_object_set_new(made, name,
                                json_integer(json_integer_value(json_object_get(made, name)) + 1));
        }
    }
    return made;
}

static json_t *report_of(const struct crawl *crawl)
{
    const struct page *slowest[SLOWEST];
    size_t count = report_slowest(crawl, slowest, SLOWEST);
    json_t *hosts = json_array();
    json_t *pages = json_array();
    json_t *slow = json_array();
    json_t *broken = json_array();

    for (const struct host *host = crawl->first_host; host; host = host->next) {
        json_array_append_new(hosts, host_of(host));
    }
    for (const struct page *page = crawl->first; page; page = page->next) {
        json_array_append_new(pages, page_of(page));
        if (page->state == PAGE_BROKEN) {
            json_array_append_new(broken, broken_of(page));
        }
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(slow, json_pack("{s:s, s:f}", "url", slowest[i]->url->text, "ms",
                                              milliseconds(slowest[i]->took_ns)));
    }
    return json_pack("{s:o, s:b, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "start",
                     text_of(crawl->options->start), "interrupted", (int)crawl->was_interrupted,
                     "seconds", (double)crawl->took_ns / COIL_SEC, "requested",
                     (json_int_t)crawl->started, "failed", (json_int_t)crawl->failed, "outside",
                     (json_int_t)crawl->outside, "malformed", (json_int_t)crawl->malformed,
                     "left_out", (json_int_t)crawl->left_out, "statuses", statuses_of(crawl),
                     "hosts", hosts, "slowest", slow, "broken", broken, "pages", pages);
}

int report_write_json(const struct crawl *crawl, const char *path)
{
    bool is_output = strcmp(path, "-") == 0;
    json_t *report = report_of(crawl);
    FILE *file;
    int rc = 0;

    if (!report) {
        return -ENOMEM;
    }
    file = is_output ? stdout : fopen(path, "we");
    if (!file) {
        rc = -errno;
    } else if (json_dumpf(report, file, JSON_INDENT(2)) < 0 || fputc('\n', file) == EOF ||
               fflush(file) == EOF) {
        rc = -EIO;
    }
    if (file && !is_output && fclose(file) == EOF) {
        rc = -EIO;
    }
    json_decref(report);
    return rc;
}
