/* context_arch.h (ucontext) - the portable context switch, for every other CPU. Included by
 * sys/context.h only. Slow: each switch is a system call for the signal mask. */
#ifndef COIL__SYS_CONTEXT_ARCH_H
#define COIL__SYS_CONTEXT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

struct coil__context {
    ucontext_t uc;
    void (*entry)(struct coil__context *);
};

void coil__context_prepare(struct coil__context *context, char *low, char *high,
                           void (*entry)(struct coil__context *));

static inline void coil__context_swap(struct coil__context *from, struct coil__context *to)
{
    swapcontext(&from->uc, &to->uc);
}

static inline void coil__context_entered(struct coil__context *self)
{
    (void)self;
}

static inline __attribute__((always_inline, noreturn)) void coil__context_finish(
    struct coil__context *from, struct coil__context *to)
{
    coil__context_swap(from, to);
    __builtin_unreachable();
}

/* The running context begins anew below `high`, in `entry`: makes room, as nothing may be called
 * before there is some. */
static inline __attribute__((always_inline, noreturn)) void coil__context_restart(
    struct coil__context *self, const char *high, void (*entry)(struct coil__context *))
{
    const char *here = __builtin_frame_address(0);
    volatile char *gap = __builtin_alloca(here > high ? (size_t)(here - high) + 64 : 64);

    *gap = 0;
    entry(self);
    __builtin_unreachable();
}

/* There is no way to the frames of a suspended context: nothing is called. */
static inline void coil__context_call_from(const struct coil__context *context,
                                           void (*fn)(void *arg), void *arg)
{
    (void)context;
    (void)fn;
    (void)arg;
}

static inline uintptr_t coil__context_pc(const struct coil__context *context)
{
    (void)context;
    return 0;
}

static inline bool coil__context_is_root(uintptr_t pc)
{
    (void)pc;
    return false;
}

#define COIL__CONTEXT_LAYOUT                                                                       \
    {                                                                                              \
        .root = NULL                                                                               \
    }

/* Where its stack pointer lies is the system's. */
static inline void coil__context_fetch(const struct coil__context *context)
{
    (void)context;
}

#endif
