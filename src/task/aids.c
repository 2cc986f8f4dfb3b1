/* aids.c - what coil_run sets up around a run so that mistakes explain themselves: SIGQUIT, the
 * watchdog and the report of overflows. In debug mode all of them; and then a run goes on without
 * what could not be had. What was asked for by an option is had, or the run fails. */
#include "task/inspect.h"

#include "sys/crash.h"

#include <coil/run.h>
#include <coil/stack.h>

#include <stdio.h>

#define DEBUG_STALL_LIMIT (100 * COIL_MSEC)

static int start_watchdog(struct coil_loop *loop, const struct coil_run_options *options,
                          struct coil__aids *aids)
{
    int64_t limit = options->stall_limit_ns;
    int rc;

    if (loop->watchdog || limit == COIL_NEVER || (limit == 0 && !loop->debug)) {
        return 0;
    }
    rc = coil_loop_set_stall_limit(loop, limit == 0 ? DEBUG_STALL_LIMIT : limit);
    if (rc < 0) {
        return limit == 0 ? 0 : rc;
    }
    aids->has_watchdog = true;
    return coil_loop_set_stall_handler(loop, options->stall_handler, options->stall_user);
}

static int catch_overflows(const struct coil_loop *loop, const struct coil_run_options *options,
                           struct coil__aids *aids)
{
    int rc;

    if (!loop->debug && !options->report_overflow) {
        return 0;
    }
    rc = coil__altstack_hold(&coil__thread.altstack);
    aids->has_altstack = rc == 0;
    if (rc == 0) {
        rc = coil__overflow_catch();
        aids->has_overflow = rc == 0;
    }
    return options->report_overflow ? rc : 0;
}

int coil__aids_open(struct coil_loop *loop, const struct coil_run_options *options,
                    struct coil__aids *aids)
{
    int rc;

    *aids = (struct coil__aids){.quit = coil__quit_listen(loop)};
    rc = catch_overflows(loop, options, aids);
    if (rc == 0) {
        rc = start_watchdog(loop, options, aids);
    }
    if (rc < 0) {
        coil__aids_close(loop, aids);
    }
    return rc;
}

/* In the child of a fork the watchdog's thread is not there, and the handlers are out already. */
void coil__aids_close(struct coil_loop *loop, struct coil__aids *aids)
{
    if (aids->has_watchdog && !loop->is_forked) {
        coil__watchdog_stop(loop);
    }
    if (loop->prints_stacks && !loop->is_forked) {
        coil_print_stack_usage(stderr);
    }
    if (aids->has_overflow && !loop->is_forked) {
        coil__crash_release();
    }
    if (aids->has_altstack) {
        coil__altstack_release(&coil__thread.altstack);
    }
    coil__quit_close(aids->quit);
}
