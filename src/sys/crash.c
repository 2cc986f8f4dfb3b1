/* crash.c - see crash.h. Dispositions are the process's, and handlers get no argument: so who
 * explains and what was there before is process-wide. */
#include "sys/crash.h"

#include "sys/retry.h"
#include "sys/spin.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIGNALS = 2, ROOM = 48 * 1024 };

static const int signums[SIGNALS] = {SIGSEGV, SIGBUS};

static struct {
    atomic_flag lock;
    unsigned users;
    void (*explain)(const struct coil__crash *crash); /* set once, and kept */
    struct sigaction before[SIGNALS];                 /* valid once there was a user */
    /* The thread in whose handler from before ours we are. It may know of us, and come back. */
    atomic_int passing_on;
} crashes = {.lock = ATOMIC_FLAG_INIT};

static void end_by_default(int signum, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigemptyset(&action.sa_mask);
    sigaction(signum, &action, NULL);
    if (info->si_code <= 0) { /* somebody has sent it: it would not come again by itself */
        syscall(SYS_tgkill, getpid(), gettid(), signum);
    }
}

/* What would have happened without us. */
static void pass_on(int signum, siginfo_t *info, void *context)
{
    const struct sigaction *before = &crashes.before[signum == SIGBUS];

    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(signum, info, context);
    } else if (before->sa_handler == SIG_IGN && info->si_code <= 0) {
        return;
    } else if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        end_by_default(signum, info);
    } else {
        before->sa_handler(signum);
    }
}

/* The program may have an alternate stack of its own, of the classic 8 KiB. */
static bool has_room(void)
{
    stack_t now;

    return sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_ONSTACK) || now.ss_size >= ROOM;
}

static void on_crash(int signum, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct coil__crash crash = {.address = (uintptr_t)info->si_addr};

    if (atomic_load(&crashes.passing_on) == gettid()) {
        end_by_default(signum, info);
        return;
    }
    if (info->si_code > 0) {
        coil__place_of_signal(context, &crash.place);
        crash.has_room = has_room();
        crashes.explain(&crash);
    }
    errno = saved_errno;
    atomic_store(&crashes.passing_on, gettid());
    pass_on(signum, info, context);
    atomic_store(&crashes.passing_on, 0);
}

/* A handler that was put over ours stays. */
static void put_back(int count)
{
    for (int i = 0; i < count; i++) {
        struct sigaction now;

        if (sigaction(signums[i], NULL, &now) == 0 && now.sa_sigaction == on_crash) {
            sigaction(signums[i], &crashes.before[i], NULL);
        }
    }
}

static int install(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        int rc = sigaction(signums[i], NULL, &now);

        if (rc == 0 && now.sa_sigaction == on_crash) {
            continue; /* one that could not be put back: what was before it is known */
        }
        crashes.before[i] = now;
        if (rc < 0 || sigaction(signums[i], &action, NULL) < 0) {
            rc = -errno;
            put_back(i);
            return rc;
        }
    }
    return 0;
}

int coil__crash_catch(void (*explain)(const struct coil__crash *crash))
{
    int rc = 0;

    coil__spin_lock(&crashes.lock);
    crashes.explain = explain;
    if (crashes.users == 0) {
        rc = install();
    }
    crashes.users += rc == 0;
    coil__spin_unlock(&crashes.lock);
    return rc;
}

void coil__crash_release(void)
{
    coil__spin_lock(&crashes.lock);
    if (--crashes.users == 0) {
        put_back(SIGNALS);
    }
    coil__spin_unlock(&crashes.lock);
}

void coil__crash_forget(void)
{
    if (crashes.users > 0) {
        put_back(SIGNALS);
    }
    crashes.users = 0;
    coil__spin_unlock(&crashes.lock); /* another thread may have had it */
}

void coil__stderr_write(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t rc = RETRY(write(STDERR_FILENO, text, size));

        if (rc <= 0) {
            return;
        }
        text += rc;
        size -= (size_t)rc;
    }
}
