/* backtrace.c - see backtrace.h.
 *
 * For a suspended context the unwinder starts here, walks up to coil__context_call_from, and is
 * told there that the caller is the context: what came before that is dropped.
 */
#include "sys/backtrace.h"

#include <unwind.h>

struct walk {
    void **pcs;
    size_t count;
    size_t max;
    uintptr_t begin; /* frames inside of this one are dropped; 0: it was met */
    bool is_at_root;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *unwind, void *user)
{
    struct walk *walk = user;
    uintptr_t pc = _Unwind_GetIP(unwind);

    if (walk->begin != 0 && walk->begin != pc) {
        return _URC_NO_REASON;
    }
    walk->begin = 0;
    walk->is_at_root = coil__context_is_root(pc);
    if (pc == 0 || walk->is_at_root || walk->count == walk->max) {
        return _URC_END_OF_STACK;
    }
    walk->pcs[walk->count++] = (void *)pc;
    return _URC_NO_REASON;
}

static void run(void *user)
{
    _Unwind_Backtrace(note, user);
}

/* What the walk has found, without the function by which every context begins. */
static size_t end(const struct walk *walk)
{
    return walk->is_at_root && walk->count > 0 ? walk->count - 1 : walk->count;
}

size_t coil__backtrace_of(const struct coil__context *context, void **ret_pcs, size_t max)
{
    struct walk walk = {.pcs = ret_pcs, .max = max, .begin = coil__context_pc(context)};

    coil__context_call_from(context, run, &walk);
    return end(&walk);
}

__attribute__((noinline)) size_t coil__backtrace_here(void **ret_pcs, size_t max)
{
    struct walk walk = {
        .pcs = ret_pcs,
        .max = max,
        .begin = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)),
    };

    run(&walk);
    return end(&walk);
}
