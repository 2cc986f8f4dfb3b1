/* context.h - a coroutine's machine context and what the sanitizers must know about it.
 *
 * struct coil__coro is the pair of both. The build chooses one folder of sys/arch/ for
 * context_arch.h; sanitizer builds add their fiber handle.
 */
#ifndef COIL__SYS_CONTEXT_H
#define COIL__SYS_CONTEXT_H

#include "context_arch.h"
#include "sys/fiber.h"

struct coil__coro {
    struct coil__context context;
    struct coil__fiber fiber;
};

/* Where a suspended context has its words, for those who look from outside (task/layout.h). */
struct coil__context_layout {
    const void *root; /* where a first frame returns to; NULL: there is no way to the frames */
    uint32_t sp;
    uint32_t fp;
    uint32_t pc;
};

/* A coroutine that will enter `entry` with its own `context` on the stack [low, high). */
static inline void coil__coro_init(struct coil__coro *coro, char *low, char *high,
                                   void (*entry)(struct coil__context *))
{
    coil__context_prepare(&coro->context, low, high, entry);
    coil__fiber_init(&coro->fiber, low, (size_t)(high - low));
}

/* After the coroutine's last switch; its stack may be used again at once. */
static inline void coil__coro_deinit(struct coil__coro *coro)
{
    coil__fiber_deinit(&coro->fiber);
}

/* The first thing a coroutine does when it runs for the first time. */
static inline void coil__coro_entered(struct coil__coro *self)
{
    coil__fiber_arrived(&self->fiber);
    coil__context_entered(&self->context);
}

/* Suspends `from`, the running one, and goes on with `to`. */
static inline __attribute__((always_inline)) void coil__coro_switch(struct coil__coro *from,
                                                                    struct coil__coro *to)
{
    coil__fiber_leave(&from->fiber, &to->fiber);
    coil__context_swap(&from->context, &to->context);
    coil__fiber_arrived(&from->fiber);
}

/* As above, but `from` never runs again, and its stack may already have been handed back: it is
 * written to until the switch is done, and not after. */
static inline __attribute__((always_inline, noreturn)) void coil__coro_finish(
    struct coil__coro *from, struct coil__coro *to)
{
    coil__fiber_finish(&from->fiber, &to->fiber);
    coil__context_finish(&from->context, &to->context);
}

/* The running coroutine begins anew below `high`, on what is left of its stack, in `entry`. */
static inline __attribute__((always_inline, noreturn)) void coil__coro_restart(
    struct coil__coro *self, char *high, void (*entry)(struct coil__context *))
{
    coil__context_restart(&self->context, high, entry);
}

#endif
