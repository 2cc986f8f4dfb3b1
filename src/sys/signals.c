/* signals.c - see signals.h.
 *
 * A signal handler gets no argument and may run in any thread at any time, so what it looks at is
 * process-wide: a list of targets. It is changed under a lock that the handler does not take; the
 * handler only walks it, and counts itself in `running` meanwhile. Whoever takes a target out waits
 * until no handler runs: one that begins later cannot meet the target any more.
 *
 * No signal is blocked: in a program of several threads it may arrive in any of them, and children
 * would inherit the mask.
 */
#include "sys/signals.h"

#include "sys/spin.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>

static struct {
    atomic_flag lock;
    atomic_uint running; /* handlers */
    _Atomic(struct coil__signal_target *) targets;
    unsigned listeners[COIL__SIGNALS];     /* targets that listen, by number - 1 */
    struct sigaction saved[COIL__SIGNALS]; /* valid while there are listeners */
} caught = {.lock = ATOMIC_FLAG_INIT};

static void on_signal(int signum)
{
    int saved_errno = errno;
    struct coil__signal_target *target;

    atomic_fetch_add(&caught.running, 1);
    for (target = atomic_load(&caught.targets); target; target = atomic_load(&target->next)) {
        if (atomic_load(&target->mask) & COIL__SIGNAL_BIT(signum)) {
            atomic_fetch_add(&target->counts[signum - 1], 1);
            atomic_fetch_or(&target->pending, COIL__SIGNAL_BIT(signum));
            target->notify(target);
        }
    }
    atomic_fetch_sub(&caught.running, 1);
    errno = saved_errno;
}

bool coil__signal_is_good(int signum)
{
    switch (signum) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV: /* these four come again and again until they are dealt with */
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return false;
    default:
        return signum >= 1 && signum <= COIL__SIGNALS;
    }
}

bool coil__signal_is_free(int signum)
{
    struct sigaction now;

    return sigaction(signum, NULL, &now) == 0 &&
           (now.sa_handler == SIG_DFL || now.sa_handler == on_signal);
}

/* One more target listens. Locked. */
static int catch (int signum)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (caught.listeners[signum - 1] == 0) {
        sigemptyset(&action.sa_mask);
        if (sigaction(signum, &action, &caught.saved[signum - 1]) < 0) {
            return -errno;
        }
    }
    caught.listeners[signum - 1]++;
    return 0;
}

/* One less. A handler that the program has put over ours stays. Locked. */
static void leave(int signum)
{
    struct sigaction now;

    if (--caught.listeners[signum - 1] == 0 && sigaction(signum, NULL, &now) == 0 &&
        now.sa_handler == on_signal) {
        sigaction(signum, &caught.saved[signum - 1], NULL);
    }
}

static void leave_all(uint64_t mask)
{
    for (int signum = 1; signum <= COIL__SIGNALS; signum++) {
        if (mask & COIL__SIGNAL_BIT(signum)) {
            leave(signum);
        }
    }
}

/* Catches all of them or none. Locked. */
static int catch_all(uint64_t mask)
{
    for (int signum = 1; signum <= COIL__SIGNALS; signum++) {
        int rc = mask & COIL__SIGNAL_BIT(signum) ? catch (signum) : 0;

        if (rc < 0) {
            leave_all(mask & (COIL__SIGNAL_BIT(signum) - 1));
            return rc;
        }
    }
    return 0;
}

static void enter_list(struct coil__signal_target *target)
{
    atomic_store(&target->next, atomic_load(&caught.targets));
    atomic_store(&caught.targets, target);
}

static void leave_list(struct coil__signal_target *target)
{
    _Atomic(struct coil__signal_target *) *place = &caught.targets;

    while (atomic_load(place) != target) {
        place = &atomic_load(place)->next;
    }
    atomic_exchange(place, atomic_load(&target->next)); /* no store: see inbox.c */
    while (atomic_load(&caught.running) > 0) {
        sched_yield();
    }
}

int coil__signal_listen(struct coil__signal_target *target, uint64_t mask)
{
    uint64_t before = atomic_load(&target->mask);
    int rc;

    coil__spin_lock(&caught.lock);
    if (before == 0 && mask != 0) {
        enter_list(target);
    }
    atomic_store(&target->mask, before | mask); /* ready before the first one comes */
    rc = catch_all(mask & ~before);
    if (rc < 0) {
        mask = before;
    } else {
        leave_all(before & ~mask);
    }
    atomic_store(&target->mask, mask);
    if (mask == 0 && (before != 0 || rc < 0)) {
        leave_list(target);
    }
    coil__spin_unlock(&caught.lock);
    return rc;
}

uint32_t coil__signal_take(struct coil__signal_target *target, int signum)
{
    return atomic_exchange(&target->counts[signum - 1], 0);
}

bool coil__signal_replace_saved(int signum, void (*from)(int number), void (*to)(int number))
{
    struct sigaction *saved = &caught.saved[signum - 1];
    bool is_caught;

    coil__spin_lock(&caught.lock);
    is_caught = caught.listeners[signum - 1] > 0;
    if (is_caught && saved->sa_handler == from) {
        *saved = (struct sigaction){.sa_handler = to};
        sigemptyset(&saved->sa_mask);
    }
    coil__spin_unlock(&caught.lock);
    return is_caught;
}

void coil__signals_forget(void)
{
    for (int signum = 1; signum <= COIL__SIGNALS; signum++) {
        if (caught.listeners[signum - 1] > 0) {
            caught.listeners[signum - 1] = 1;
            leave(signum);
        }
    }
    atomic_store(&caught.targets, NULL);
    atomic_store(&caught.running, 0);
    coil__spin_unlock(&caught.lock); /* another thread may have had it */
}
