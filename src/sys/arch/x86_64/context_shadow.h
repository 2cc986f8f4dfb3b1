/* context_shadow.h (x86-64) - shadow stacks (CET), where the thread has one. Included by
 * context_arch.h only, in builds for them (-fcf-protection=return or full).
 *
 * A call also pushes its return address onto the shadow stack, and a return compares: a context
 * needs one of its own. It is mapped when the context is first entered and unmapped by whoever
 * runs after its end, which cannot do that itself. While a context is suspended, the top of its
 * shadow stack is a token that rstorssp accepts once; saveprevssp writes it.
 *
 * Where shadow stacks are off (rdsspq, a no-op there, leaves its register alone) all of this is
 * one test per switch.
 */
#ifndef COIL__SYS_CONTEXT_SHADOW_H
#define COIL__SYS_CONTEXT_SHADOW_H

#include "base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of some systems. */
#ifndef SYS_map_shadow_stack
#define SYS_map_shadow_stack 453
#endif
#ifndef SHADOW_STACK_SET_TOKEN
#define SHADOW_STACK_SET_TOKEN 1
#endif

static inline __attribute__((always_inline)) uint64_t coil__shadow_top(void)
{
    uint64_t ssp = 0;

    __asm__ volatile("rdsspq %0" : "+r"(ssp));
    return ssp;
}

/* The kernel puts a token for rstorssp at the high end. A switch has no error to return: without
 * memory for it the process ends here. */
static __attribute__((noinline, unused)) void coil__shadow_map(struct coil__context *to)
{
    long base = syscall(SYS_map_shadow_stack, 0, to->shadow_size, SHADOW_STACK_SET_TOKEN);

    COIL_CHECK(base != -1);
    to->shadow_low = (void *)base;
    to->ssp = (uint64_t)base + to->shadow_size - sizeof(uint64_t);
}

static __attribute__((noinline, unused)) void coil__shadow_unmap(struct coil__context *self)
{
    void *low = self->ended_low;

    self->ended_low = NULL;
    munmap(low, self->ended_size);
}

/* Goes over to the other shadow stack; nothing may be called or returned from until the switch of
 * the stacks themselves is done. */
static inline __attribute__((always_inline)) void coil__shadow_before(struct coil__context *from,
                                                                      struct coil__context *to)
{
    uint64_t top = coil__shadow_top();

    if (COIL__LIKELY(top == 0)) {
        return;
    }
    if (to->ssp == 0) {
        coil__shadow_map(to);
    }
    from->ssp = top - sizeof(uint64_t); /* where saveprevssp will put the token */
    __asm__ volatile("rstorssp (%0)\n\t"
                     "saveprevssp\n\t"
                     :
                     : "r"(to->ssp)
                     : "cc", "memory");
}

/* The first thing after a switch: somebody may have ended with it. */
static inline __attribute__((always_inline)) void coil__shadow_after(struct coil__context *self)
{
    if (COIL__UNLIKELY(self->ended_low != NULL)) {
        coil__shadow_unmap(self);
    }
}

/* Before the last switch of `from`: `to` gets its shadow stack to unmap. */
static inline __attribute__((always_inline)) void coil__shadow_finish(struct coil__context *from,
                                                                      struct coil__context *to)
{
    to->ended_low = from->shadow_low;
    to->ended_size = from->shadow_size;
}

/* A frame takes 16 bytes of the stack at least, and 8 of the shadow stack. */
static inline void coil__shadow_prepare(struct coil__context *context, size_t stack_size)
{
    context->ssp = 0;
    context->shadow_low = NULL;
    context->shadow_size = (stack_size / 2 + 4095) & ~(size_t)4095;
    context->ended_low = NULL;
}

#endif
