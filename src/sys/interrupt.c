/* interrupt.c - see interrupt.h.
 *
 * A signal handler gets no argument, so where it reports to is process-wide: one loop at a time.
 * SA_RESETHAND makes the second SIGINT end the process even when the loop is stuck.
 *
 * A program that watches SIGINT (signals.c) has its handler over this one; then what is released
 * here is what the other one would put back.
 */
#include "sys/interrupt.h"

#include "sys/signals.h"

#include <errno.h>
#include <signal.h>

struct target {
    atomic_bool *flag;
    struct coil__backend *backend;
};

static struct target target;
static _Atomic(struct target *) current;

static void on_sigint(int number)
{
    int saved_errno = errno;
    struct target *to = atomic_load(&current);

    (void)number;
    if (to) {
        atomic_store(to->flag, true);
        to->backend->class->wake(to->backend);
    }
    errno = saved_errno;
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
        atomic_store(&current, NULL);
        return false;
    }
    return true;
}

void coil__interrupt_forget(void)
{
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
    atomic_store(&current, NULL);
}
