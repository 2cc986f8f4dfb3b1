/* manners.c - what a host may ask of its visitors: rules for robots, time between requests, pauses.
 */
#include "crawl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Five redirects are followed, to other hosts too (RFC 9309, section 2.3.1.2). */
enum { ROBOTS_REDIRECTS = 5 };

/* --- robots.txt --- */

static int read_rules(struct host *host, struct coil_http_response *response)
{
    const char *text;
    ssize_t size = coil_http_response_read_up_to(response, ROBOTS_MAX_SIZE, &text, NULL);
    int rc = size < 0 ? (int)size : robots_parse(&host->robots, text, (size_t)size, CRAWL_PRODUCT);

    if (rc == 0 && host->robots.delay_ns > host->delay_ns) {
        host->delay_ns = host->robots.delay_ns;
    }
    return rc;
}

/* Section 2.3.1: with a good answer its rules hold, with a 4xx or too many redirects there are
 * none, and a host that fails is not to be visited. 0: that is known now; -ENOMEM. */
static int take_rules(struct host *host, struct coil_http_response *response, int rc)
{
    unsigned status = coil_http_response_status(response);

    if (rc == 0 && status >= 200 && status < 300) {
        rc = read_rules(host, response);
        host->robots_text = "found";
    } else if (rc == -COIL_EREDIRECT || (rc == 0 && status >= 300 && status < 500)) {
        rc = 0;
        host->robots_text = "none";
    } else if (rc == 0) {
        rc = -COIL_EPROTOCOL;
    }
    if (rc < 0 && rc != -ENOMEM) {
        host->is_closed = true;
        host->robots_text = "failed";
        rc = 0;
    }
    return rc;
}

static int ask_for_rules(struct host *host)
{
    struct coil_http_request request = {.max_redirects = ROBOTS_REDIRECTS};
    struct coil_http_response *response = NULL;
    char *url;
    int rc;

    if (asprintf(&url, "%s/robots.txt", host->origin) < 0) {
        return -ENOMEM;
    }
    request.url = url;
    rc = coil_semaphore_acquire(&host->crawl->slots);
    if (rc == 0) {
        rc = coil_http_session_request(host->crawl->session, &request, &response);
        if (coil_check_cancel() == 0) {
            rc = take_rules(host, response, rc);
        }
        coil_http_response_close(response);
        coil_semaphore_release(&host->crawl->slots);
    }
    free(url);
    return coil_check_cancel() < 0 ? coil_check_cancel() : rc;
}

int host_learn_rules(struct host *host)
{
    int rc;

    if (host->is_asking) {
        return coil_event_wait(&host->has_robots);
    }
    host->is_asking = true;
    rc = ask_for_rules(host);
    if (rc == 0) {
        coil_event_set(&host->has_robots);
        host->next_when = coil_now() + host->delay_ns;
    }
    return rc;
}

/* --- turns --- */

int host_wait_turn(struct host *host)
{
    while (coil_now() < host->next_when) { /* another one may have taken the turn */
        int rc = coil_sleep_until(host->next_when);

        if (rc < 0) {
            return rc;
        }
    }
    host->next_when = coil_now() + host->delay_ns;
    return 0;
}

int64_t host_pause_of(const struct coil_http_response *response, unsigned attempts)
{
    int64_t pause_ns = coil_http_response_retry_after(response);

    return pause_ns >= 0 ? pause_ns : (INT64_C(1) << attempts) * COIL_SEC;
}
