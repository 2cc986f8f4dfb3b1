/* Wrappers of liburing's functions; built only where liburing is. */
#include <liburing.h>

#include "fault_internal.h"
#include "internal.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

/* What the rings of a user other than root may lock of memory is limited (RLIMIT_MEMLOCK), and the
 * kernel gives the share of a closed ring back only a while later. */
static bool memory_may_come_back(int *tries)
{
    if (geteuid() == 0 || ++*tries > 30000) {
        return false;
    }
    usleep(1000);
    return true;
}

/* clang-format off */
#define WRAP_NEG(name, type, error, params, args) \
    type __real_##name params; \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        int fault = fault_gate(FAULT_##name); \
        int tries = 0; \
        type rc; \
        if (fault) { \
            return -fault; \
        } \
        do { \
            rc = __real_##name args; \
        } while (rc == -ENOMEM && memory_may_come_back(&tries)); \
        return rc; \
    }
/* clang-format on */

FAULT_TABLE_URING(WRAP_NEG)
