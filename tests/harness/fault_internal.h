/* Indices of the functions in the fault table, for the files that define wrappers. */
#ifndef COIL_TESTS_FAULT_INTERNAL_H
#define COIL_TESTS_FAULT_INTERNAL_H

#include "fault_table.h"

/* clang-format off */
enum {
#define FAULT_INDEX(name, ...) FAULT_##name,
    FAULT_TABLE(FAULT_INDEX, FAULT_INDEX, FAULT_INDEX)
    FAULT_TABLE_URING(FAULT_INDEX)
#undef FAULT_INDEX
    FAULT_FUNCTIONS,
};
/* clang-format on */

#endif
