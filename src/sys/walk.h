/* walk.h - the return addresses on a stack that libgcc's unwinder must not be let loose on: that of
 * another thread, of which only a copy and two or three registers are known, or one that has
 * overflowed. Nothing outside of the stack is read, there is no lock and no allocation; a stack
 * that makes no sense ends the walk.
 *
 * None where frame_rules.c knows no registers.
 */
#ifndef COIL__SYS_WALK_H
#define COIL__SYS_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a thread is. */
struct coil__place {
    uintptr_t pc; /* the next instruction */
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t link; /* where the function returns to, if it is a leaf; aarch64 only */
    bool has_fp;    /* else it is found by what the function does when it begins, or by trial */
    bool has_link;
};

/* The memory of addresses [low, high), which may be a copy. */
struct coil__stack_view {
    uintptr_t low;
    uintptr_t high;
    const char *memory;
};

struct coil__walk {
    struct coil__place place;
    const struct coil__stack_view *view;
    bool is_first; /* the place is the innermost one */
    bool is_over;
};

/* Both arguments stay valid as long as the walk. */
void coil__walk_begin(struct coil__walk *walk, const struct coil__place *place,
                      const struct coil__stack_view *view);
/* The next one outwards. In the manner of return addresses: what they are of is one byte before,
 * for the innermost one as well. False: there are no more. */
bool coil__walk_next(struct coil__walk *walk, uintptr_t *ret_pc);
/* Behind the last one: true if that is the first function of a task, which is the library's. */
bool coil__walk_is_at_root(const struct coil__walk *walk);
/* All of them, at most max, but the library's own first frame: how many. */
size_t coil__walk_all(const struct coil__place *place, const struct coil__stack_view *view,
                      void **ret_pcs, size_t max);

/* Where a thread was that got a signal; context: the handler's third argument. */
void coil__place_of_signal(const void *context, struct coil__place *ret_place);

#endif
