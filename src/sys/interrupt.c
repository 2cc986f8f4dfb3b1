/* interrupt.c - see interrupt.h.
 *
 * A signal handler gets no argument, so where it reports to is process-wide: one loop at a time.
 * SA_RESETHAND makes the second SIGINT end the process even when the loop is stuck.
 *
 * The handler may run in another thread than the loop, and counts itself in `running` meanwhile: a
 * release waits until none runs, for what it has found in `current` may be gone after that.
 *
 * A program that watches SIGINT (signals.c) has its handler over this one; then what is released
 * here is what the other one would put back.
 */
#include "sys/interrupt.h"

#include "sys/signals.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

struct target {
    atomic_bool *flag;
    struct coil__backend *backend;
};

static struct target target;
static _Atomic(struct target *) current;
static atomic_uint running; /* handlers */

static void on_sigint(int number)
{
    int saved_errno = errno;
    struct target *to;

    (void)number;
    atomic_fetch_add(&running, 1);
    to = atomic_load(&current);
    if (to) {
        atomic_store(to->flag, true);
        to->backend->class->wake(to->backend);
    }
    atomic_fetch_sub(&running, 1);
    errno = saved_errno;
}

/* No handler that runs now or later knows of the target any more. */
static void take_back(void)
{
    atomic_exchange(&current, NULL); /* no store: see inbox.c */
    while (atomic_load(&running) > 0) {
        sched_yield();
    }
}

bool coil__interrupt_catch(atomic_bool *flag, struct coil__backend *backend)
{
    struct sigaction action = {.sa_handler = on_sigint, .sa_flags = SA_RESTART | SA_RESETHAND};
    struct sigaction old;

    if (atomic_load(&current) || sigaction(SIGINT, NULL, &old) < 0) {
        return false;
    }
    /* Our own handler, without a target, is one that could not be taken back. */
    if (old.sa_handler != SIG_DFL && old.sa_handler != on_sigint) {
        return false;
    }
    target = (struct target){.flag = flag, .backend = backend};
    atomic_store(&current, &target);
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) < 0) {
        take_back();
        return false;
    }
    return true;
}

bool coil__interrupt_is_handler(void (*handler)(int number))
{
    return handler == on_sigint;
}

void coil__interrupt_forget(void)
{
    atomic_store(&running, 0); /* the parent's threads are not here */
    if (atomic_load(&current)) {
        coil__interrupt_release();
    }
}

void coil__interrupt_release(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigemptyset(&action.sa_mask);
    if (!coil__signal_replace_saved(SIGINT, on_sigint, SIG_DFL)) {
        sigaction(SIGINT, &action, NULL);
    }
    take_back();
}
