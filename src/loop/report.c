/* report.c - what went wrong where nobody was there to be told.
 *
 * The handler is the program's; until it sets one, a report is one line on stderr. A report that
 * is made while the handler runs goes to stderr, so that a faulty handler cannot recurse.
 */
#include "loop/loop.h"

#include "base/text.h"
#include "sys/environment.h"

#include <stdio.h>
#include <string.h>

/* Of a message of several lines, the first one is the sentence. */
void coil__report_print(const struct coil_report *report)
{
    int length = (int)strcspn(report->message, "\n");

    fprintf(stderr, "coil: %.*s", length, report->message);
    if (report->task_name) {
        fprintf(stderr, " in task %s", report->task_name);
    }
    if (report->error < 0) {
        fprintf(stderr, ": %s (%s)", coil_strerror(report->error), coil_errname(report->error));
    }
    if (report->site) {
        fprintf(stderr, ", created at %s:%d in %s", coil__text_base_name(report->site->file),
                report->site->line, report->site->func);
    }
    if (report->origin) {
        fprintf(stderr, ", cancelled at %s:%d in %s", coil__text_base_name(report->origin->file),
                report->origin->line, report->origin->func);
    }
    fprintf(stderr, "%s\n", report->message + length);
}

int coil_loop_set_error_handler(struct coil_loop *loop, coil_error_handler handler, void *user)
{
    int rc = coil__loop_check(loop);

    if (rc == 0) {
        loop->error_handler = handler;
        loop->error_handler_user = user;
    }
    return rc;
}

void coil__loop_report(struct coil_loop *loop, const struct coil_report *report)
{
    if (!loop->error_handler || loop->in_error_handler) {
        coil__report_print(report);
        return;
    }
    loop->in_error_handler = true;
    loop->error_handler(report, loop->error_handler_user);
    loop->in_error_handler = false;
}

int coil__misuse_told(int rc, const char *sentence)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil_report report = {.message = sentence, .error = rc};

    if (loop && loop->debug) {
        if (coil__thread.task) {
            loop->describe_task(coil__thread.task, &report);
        }
        coil__loop_report(loop, &report);
    } else if (!loop && coil__environment_flag("COIL_DEBUG")) {
        coil__report_print(&report);
    }
    return rc;
}

int coil__misuse(int rc)
{
    return rc < 0 ? coil__misuse_told(rc, "misuse of the library") : rc;
}
