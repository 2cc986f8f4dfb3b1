/* exchange.c - one call of the handler: its errors, and what is answered for it. */
#include "http/compress.h"
#include "http/upgrade.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>
#include <stdio.h>

/* --- the handler's errors --- */

/* What a peer has brought about is nobody's fault here. */
static bool is_worth_a_report(const struct coil_http_exchange *exchange, int rc)
{
    return rc < 0 && rc != -ECANCELED && rc != -ECONNRESET && rc != -EPIPE &&
           rc != exchange->body_error && rc != exchange->error;
}

static int return_error(void *arg)
{
    return *(const int *)arg;
}

/* By a task that ends with the error, and that nobody awaits: such errors go to the loop's error
 * handler. Its name is what was asked for. */
static void report(const struct coil_http_exchange *exchange, int rc)
{
    char name[32];
    struct coil_task *task;
    struct coil_task_options options = {
        .name = name, .copy_size = sizeof rc, .eager = true, .site = COIL_HERE};

    snprintf(name, sizeof name, "%s %s", exchange->method, exchange->path);
    task = coil_task_create(&options, return_error, &rc);
    if (task) {
        coil_detach(task);
    }
}

/* --- an exchange --- */

/* Answers for a handler that has failed, or sees that the client notices. */
static void make_up(struct coil_http_exchange *exchange, int rc)
{
    unsigned status = rc == exchange->body_error ? exchange->body_status : 500;

    if (is_worth_a_report(exchange, rc)) {
        report(exchange, rc);
    }
    if (exchange->state == COIL__HTTP_UNANSWERED || exchange->state == COIL__HTTP_BEGUN) {
        if (status > 0 && !exchange->is_broken) {
            coil__http_answer(exchange, status);
        }
        return;
    }
    if (exchange->state == COIL__HTTP_STARTED &&
        (exchange->announced < 0 || exchange->written < (uint64_t)exchange->announced)) {
        exchange->is_broken = true;
    }
}

void coil__http_handle(struct coil_http_exchange *exchange)
{
    const struct coil__http_settings *settings = &exchange->service->settings;
    int rc;

    if (settings->log || settings->metrics) {
        exchange->began_at = coil_now();
    }
    if (settings->metrics) {
        settings->metrics->requests_alive++;
    }
    rc = exchange->service->handler(exchange, exchange->service->user);
    rc = coil__http_end_upgrade(exchange, rc);
    if (rc >= 0 && exchange->state == COIL__HTTP_UNANSWERED && !exchange->is_broken) {
        rc = -COIL_EINVALIDSTATE; /* it has answered nothing */
    }
    if (rc < 0) {
        make_up(exchange, rc);
    }
    if (!exchange->is_broken) {
        rc = coil__http_finish(exchange);
        if (rc == -COIL_EINCOMPLETE) {
            report(exchange, rc);
        }
    }
    coil__http_log(exchange);
    coil__http_count(exchange);
    coil__http_compress_end(exchange);
}
