/* alone.c - see alone.h. */
#include "sys/alone.h"

#include "sys/interrupt.h"
#include "sys/sample.h"
#include "sys/signals.h"

#include <signal.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>

/* Raised by the program's own faults, not while it sleeps. */
static bool is_fault(int signum)
{
    switch (signum) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGSYS:
        return true;
    default:
        return false;
    }
}

static bool is_quiet(int signum)
{
    struct sigaction now;

    if (is_fault(signum) || sigaction(signum, NULL, &now) < 0) {
        return true; /* the latter: the C library keeps it to itself */
    }
    return now.sa_handler == SIG_IGN || coil__interrupt_is_handler(now.sa_handler) ||
           coil__sample_is_handler(now.sa_handler) || coil__signal_is_free(signum);
}

/* The kernel gives the folder a link for each thread, beside the usual two. */
static bool has_threads(unsigned count)
{
    struct stat found;

    return stat("/proc/self/task", &found) == 0 && found.st_nlink == count + 2;
}

bool coil__is_alone(unsigned own_threads)
{
    if (!__libc_single_threaded && (own_threads == 0 || !has_threads(own_threads + 1))) {
        return false;
    }
    for (int signum = 1; signum <= COIL__SIGNALS; signum++) {
        if (!is_quiet(signum)) {
            return false;
        }
    }
    return true;
}
