/* fork.c - pthread_atfork, once per process: there is no way to take a registration back, so the
 * fact that it was made is the one thing remembered process-wide. */
#include "sys/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static atomic_bool is_registered;

int coil__fork_process(void)
{
    return getpid();
}

int coil__fork_register(void (*in_child)(void))
{
    int rc;

    if (atomic_exchange(&is_registered, true)) {
        return 0;
    }
    rc = pthread_atfork(NULL, NULL, in_child);
    if (rc != 0) {
        atomic_store(&is_registered, false);
    }
    return -rc;
}
