/* frame_rules.h - where a function's caller is found on the stack, by the compiler's unwind tables.
 *
 * Read without a lock and without an allocation, so also in signal handlers and while the thread
 * that is looked at holds whatever it likes.
 */
#ifndef COIL__SYS_FRAME_RULES_H
#define COIL__SYS_FRAME_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* How the caller's value of a register is to be had. */
enum coil__rule_kind {
    COIL__RULE_SAME,   /* it is still in the register */
    COIL__RULE_AT_CFA, /* it was saved, at `offset` from the frame's end */
    COIL__RULE_LOST,   /* not at all, or in a way that is not followed here */
};

struct coil__rule {
    enum coil__rule_kind kind;
    int64_t offset;
};

/* One place in a function. The end of its frame (CFA): what the stack pointer was before the call
 * of the function. */
struct coil__frame_rules {
    uintptr_t function; /* where it begins */
    bool is_by_fp; /* the end is at the frame pointer + cfa_offset; else at the stack pointer */
    int64_t cfa_offset;
    struct coil__rule fp;
    struct coil__rule pc; /* of the return address */
};

/* The rules at pc. False: there are none, or they are of a kind that only special code has. */
bool coil__frame_rules_find(uintptr_t pc, struct coil__frame_rules *ret_rules);

#endif
