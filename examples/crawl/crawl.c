/* crawl.c - visits a web site, many pages at once and yet politely, and says what is broken there.
 *
 *     crawl http://localhost:8000/
 *     crawl --depth 3 --pages 500 --json site.json https://example.org/
 *
 * Each host has a queue of pages and a few workers, which are tasks of one group; a semaphore
 * bounds the requests of all of them. When no page is open any more, or at the first Ctrl-C, the
 * group is cancelled, and what is known by then is reported. visit.c does what is done to a page,
 * manners.c keeps the rules of the hosts (robots.txt, delays), frontier.c knows the pages, links.c
 * and robots.c read HTML and robots.txt, report.c and json.c tell.
 */
#include "crawl.h"

#include <errno.h>
#include <stdio.h>

static int open_session(struct crawl *crawl)
{
    const struct options *options = crawl->options;
    struct coil_http_session_options session_options = {
        .max_connections = options->limit,
        .max_connections_per_host = options->host_limit,
        .total_timeout_ns = options->timeout_ns,
        .user_agent = options->user_agent,
        .use_environment = true,
    };

    return coil_http_session_new(&session_options, &crawl->session);
}

static int add_start(struct crawl *crawl)
{
    struct coil_http_url *url;
    struct coil_http_url *normal;
    struct page *page;
    int rc = coil_http_url_parse(crawl->options->start, &url);

    if (rc == 0) {
        rc = coil_http_url_normalize(url, &normal);
        coil_http_url_free(url);
    }
    return rc == 0 ? frontier_add(crawl, normal, NULL, 0, &page) : rc;
}

/* The first task. */
static int crawl_site(void *arg)
{
    struct crawl *crawl = arg;
    int rc = open_session(crawl);

    if (rc < 0) {
        return rc;
    }
    coil_semaphore_init(&crawl->slots, crawl->options->limit);
    coil_group_open(&crawl->group);
    crawl->began = coil_now();
    rc = add_start(crawl);
    if (rc == 0) {
        if (crawl->options->has_progress) {
            coil_group_spawn(&crawl->group, report_progress, crawl);
        }
        coil_event_wait(&crawl->is_done);
        coil_group_cancel(&crawl->group); /* the workers wait for pages that will not come */
        rc = coil_group_close(&crawl->group);
    } else {
        coil_group_fail(&crawl->group, rc);
        coil_group_close(&crawl->group);
    }
    crawl->took_ns = coil_now() - crawl->began;
    coil_http_session_close(crawl->session);
    return rc;
}

static int tell(const struct crawl *crawl)
{
    const char *path = crawl->options->json_path;
    int rc = 0;

    if (!crawl->options->is_quiet) {
        report_print(crawl);
    }
    if (path) {
        rc = report_write_json(crawl, path);
        if (rc < 0) {
            fprintf(stderr, "crawl: %s: %s\n", path, coil_strerror(rc));
        }
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct options options;
    struct crawl crawl = {.options = &options};
    int rc = options_read(&options, argc, argv);
    bool is_told;

    if (rc != 0) {
        return rc > 0 ? 0 : 2; /* > 0: help was asked for */
    }
    rc = coil_run(crawl_site, &crawl);
    crawl.was_interrupted = rc == -EINTR;
    if (rc < 0 && !crawl.was_interrupted) {
        fprintf(stderr, "crawl: %s: %s\n", options.start, coil_strerror(rc));
    }
    is_told = !crawl.first || tell(&crawl) == 0;
    frontier_deinit(&crawl);
    if (crawl.was_interrupted) {
        return 130; /* as programs do that end by SIGINT */
    }
    return rc < 0 || !is_told ? 2 : crawl.failed > 0;
}
