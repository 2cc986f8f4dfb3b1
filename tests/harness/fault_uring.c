/* Wrappers of liburing's functions; built only where liburing is. */
#include <liburing.h>

#include "fault_internal.h"
#include "internal.h"

/* clang-format off */
#define WRAP_NEG(name, type, error, params, args) \
    type __real_##name params; \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        int fault = fault_gate(FAULT_##name); \
        return fault ? -fault : __real_##name args; \
    }
/* clang-format on */

FAULT_TABLE_URING(WRAP_NEG)
