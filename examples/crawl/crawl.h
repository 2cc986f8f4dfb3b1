/* crawl.h - what the parts of crawl share: the options, the hosts, the pages, the crawl itself.
 *
 * A page is one URL. It waits in the queue of its host, whose workers take it out and visit it;
 * links that are found there become further pages. All of this happens in one thread, so nothing
 * needs a lock.
 */
#ifndef CRAWL_H
#define CRAWL_H

#include "robots.h"

#include <coil.h>
#include <coil/http_client.h>
#include <coil/http_url.h>

#define CRAWL_PRODUCT "coil-crawl" /* the name that robots.txt may call us by */

enum {
    MAX_REFERRERS = 5,  /* that a page remembers */
    MAX_REDIRECTS = 10, /* one after another */
    MAX_LINKS = 2000,   /* of one page */
    MAX_ATTEMPTS = 4,   /* when a server asks to come back later */
};

struct options {
    const char *start;     /* a URL */
    size_t limit;          /* requests at once, in all */
    size_t host_limit;     /* and of one host */
    size_t max_depth;      /* links from the start to a page */
    size_t max_pages;      /* that are asked for */
    size_t max_body;       /* bytes of a page that are read */
    int64_t timeout_ns;    /* for a page, from the request to its end */
    int64_t delay_ns;      /* between two requests to a host, at least */
    int64_t max_wait_ns;   /* that a server may ask us to wait; else the page has failed */
    const char *json_path; /* "-": standard output; NULL: none */
    const char *user_agent;
    bool spans_hosts;
    bool has_progress;
    bool is_quiet; /* no table */
};

/* Scheme, host and port. */
struct host {
    struct host *next; /* in the order in which they were found */
    struct crawl *crawl;
    char *origin;                 /* "https://example.org" */
    struct coil_queue pages;      /* of struct page *: those that wait */
    size_t workers;               /* tasks that take them out */
    struct coil_event has_robots; /* set when the rules are known, or cannot be had */
    bool is_asking;               /* somebody asks for them */
    bool is_closed;          /* nothing may be asked for: robots.txt failed (section 2.3.1.4) */
    const char *robots_text; /* what became of robots.txt, for the report */
    struct robots robots;
    int64_t delay_ns;
    int64_t next_when; /* no request before */
    size_t page_count; /* that were asked for */
    size_t failed;
    uint64_t bytes;
    int64_t took_ns;
};

enum page_state {
    PAGE_WAITING,
    PAGE_OPEN,      /* is being visited */
    PAGE_DONE,      /* its status is good */
    PAGE_MOVED,     /* leads to target, or out of the site */
    PAGE_BROKEN,    /* its status is bad, or there is no answer: see problem */
    PAGE_FORBIDDEN, /* by robots.txt */
    PAGE_LEFT,      /* there were too many before it */
};

struct page {
    struct page *next;         /* in the order in which they were found */
    struct coil_http_url *url; /* owned, normal */
    struct host *host;
    struct page *referrers[MAX_REFERRERS]; /* the first ones with a link here */
    size_t referrer_count;                 /* all of them */
    struct page *target;                   /* where a redirect leads, if that is a page of ours */
    enum page_state state;
    unsigned depth;
    unsigned redirects; /* that led here */
    unsigned attempts;
    unsigned status; /* 0: no answer came */
    char problem[120];
    char type[64];
    uint64_t size;
    bool is_cut; /* it had more than max_body */
    int64_t took_ns;
};

struct crawl {
    const struct options *options;
    struct coil_http_session *session;
    struct coil_group group; /* the workers, and the progress line */
    struct coil_semaphore slots;
    struct coil_event is_done;
    const struct page *home; /* whose host is the one to stay on */
    struct page *first;
    struct page *last;
    struct host *first_host;
    struct host *last_host;
    void *page_tree; /* by URL (tsearch) */
    void *host_tree; /* by origin */
    size_t known;    /* pages */
    size_t waiting;
    size_t open;
    size_t started; /* asked for, at least once */
    size_t failed;
    size_t ended;
    size_t left_out;  /* links that were not even remembered: there are too many pages */
    size_t outside;   /* links that lead to other hosts */
    size_t malformed; /* links that are no URLs */
    int64_t began;
    int64_t took_ns;
    bool was_interrupted;
};

/* options.c: reads the command line. 0; 1: help was printed; -1: it was wrong, which has been said.
 */
int options_read(struct options *options, int argc, char **argv);

/* frontier.c: which pages and hosts are known. */

/* Adds the page of a URL, which is consumed, unless it is known, too deep, or on another host.
 * from: the page with the link; NULL: it is the start. ret_page: it, or NULL. 0, -ENOMEM. */
int frontier_add(struct crawl *crawl, struct coil_http_url *url, struct page *from, unsigned depth,
                 struct page **ret_page);

/* A page is over, whatever became of it. */
void frontier_end(struct page *page);
void frontier_deinit(struct crawl *crawl);

/* manners.c: what a host may ask of its visitors. */

/* Asks for robots.txt, once for each host. 0, -ENOMEM, or the reason of a cancel. */
COIL_SUSPENDS int host_learn_rules(struct host *host);

/* Waits until a request may be sent. 0, or the reason of a cancel. */
COIL_SUSPENDS int host_wait_turn(struct host *host);

/* How long a response (429, 503) asks to wait: by Retry-After, or else longer each time. */
int64_t host_pause_of(const struct coil_http_response *response, unsigned attempts);

/* visit.c: a worker: takes pages of its host (arg) and visits them, until it is cancelled. */
COIL_SUSPENDS int visit_pages(void *arg);

/* report.c, json.c */
COIL_SUSPENDS int report_progress(void *crawl);
void report_print(const struct crawl *crawl);
int report_write_json(const struct crawl *crawl, const char *path);
const char *report_state_name(enum page_state state);

/* The pages that took longest, up to count, the longest first. Returns how many. */
size_t report_slowest(const struct crawl *crawl, const struct page **ret_pages, size_t count);

#endif
