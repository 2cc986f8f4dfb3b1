/* context_arch.h (x86-64, System V) - the context switch. Included by sys/context.h only.
 *
 * A suspended context is three words: stack pointer, frame pointer, and the address to go on at.
 * All other registers are named as clobbered, so the compiler saves those that are live in the
 * function around the switch, and describes that in its own CFI: an unwinder that starts with
 * these three words walks a suspended stack as if it were running.
 *
 * The switch is inlined and neither calls nor returns, so the return predictor stays in step with
 * the calls around it; it ends in an indirect jump that the branch predictor learns. The stack
 * pointer is changed last of all: an unwinder is lost for no more than that jump.
 * MXCSR and the x87 control word belong to the thread, not to the task.
 */
#ifndef COIL__SYS_CONTEXT_ARCH_H
#define COIL__SYS_CONTEXT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coil__context {
    void *sp;
    void *bp;
    void *pc;
#if defined(__CET__) && (__CET__ & 2)
    uint64_t ssp;     /* the token of the shadow stack; 0: never ran, or shadow stacks are off */
    void *shadow_low; /* its memory; NULL: none yet, or a thread's own */
    size_t shadow_size;
    void *ended_low; /* that of a context that has ended, to be unmapped on arrival, or NULL */
    size_t ended_size;
#endif
};

/* Where the first frame of every context returns to, for unwinders: it has no caller. */
extern const char coil__context_root[];

/* What a build with AVX-512 may keep in registers besides. */
#if defined(__AVX512F__)
#define COIL__CONTEXT_CLOBBERS_512                                                                 \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",  \
        "k7"
#else
#define COIL__CONTEXT_CLOBBERS_512
#endif

#define COIL__CONTEXT_CLOBBERS                                                                     \
    "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",      \
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",  \
        "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",     \
        "st(6)", "st(7)", "cc", "memory" COIL__CONTEXT_CLOBBERS_512

#if defined(__CET__) && (__CET__ & 2)
#include "context_shadow.h"
#else
static inline void coil__shadow_prepare(struct coil__context *context, size_t stack_size)
{
    (void)context;
    (void)stack_size;
}

static inline void coil__shadow_before(struct coil__context *from, struct coil__context *to)
{
    (void)from;
    (void)to;
}

static inline void coil__shadow_after(struct coil__context *self)
{
    (void)self;
}

static inline void coil__shadow_finish(struct coil__context *from, struct coil__context *to)
{
    (void)from;
    (void)to;
}
#endif

/* The entry function is entered as if the root had called it: its return address lies right below
 * a 16-byte boundary. */
static inline void coil__context_aim(struct coil__context *context, char *high,
                                     void (*entry)(struct coil__context *))
{
    void **slot = (void **)((uintptr_t)high & ~(uintptr_t)15) - 1;

    *slot = (void *)(uintptr_t)(coil__context_root + 1);
    context->sp = slot;
    context->bp = NULL;
    context->pc = (void *)(uintptr_t)entry;
}

static inline void coil__context_prepare(struct coil__context *context, char *low, char *high,
                                         void (*entry)(struct coil__context *))
{
    coil__context_aim(context, high, entry);
    coil__shadow_prepare(context, (size_t)(high - low));
}

/* Saves the running context in `from` and goes on with `to`. A context that runs for the first
 * time enters its function with `to` as the argument. */
static inline __attribute__((always_inline)) void coil__context_swap(struct coil__context *from,
                                                                     struct coil__context *to)
{
    coil__shadow_before(from, to);
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rbp, 8(%%rdi)\n\t"
                     "movq %%rax, 16(%%rdi)\n\t"
                     "movq 0(%%rsi), %%rax\n\t"
                     "movq 16(%%rsi), %%rcx\n\t"
                     "movq %%rsi, %%rdi\n\t"
                     "movq 8(%%rsi), %%rbp\n\t"
                     "movq %%rax, %%rsp\n\t"
                     "jmpq *%%rcx\n\t"
                     "1:\tendbr64\n\t"
                     : "+D"(from), "+S"(to)
                     :
                     : COIL__CONTEXT_CLOBBERS);
    coil__shadow_after(from); /* the same as before, in rdi: who switches back says so */
}

/* The first thing a context does. */
static inline void coil__context_entered(struct coil__context *self)
{
    coil__shadow_after(self);
}

/* Goes on with `to`, and saves nothing. */
static inline __attribute__((always_inline, noreturn)) void coil__context_jump(
    struct coil__context *to)
{
    __asm__ volatile("movq 0(%%rsi), %%rax\n\t"
                     "movq 16(%%rsi), %%rcx\n\t"
                     "movq %%rsi, %%rdi\n\t"
                     "movq 8(%%rsi), %%rbp\n\t"
                     "movq %%rax, %%rsp\n\t"
                     "jmpq *%%rcx"
                     :
                     : "S"(to)
                     : "memory");
    __builtin_unreachable();
}

/* Goes on with `to`; `from` never runs again. */
static inline __attribute__((always_inline, noreturn)) void coil__context_finish(
    struct coil__context *from, struct coil__context *to)
{
    coil__shadow_finish(from, to);
    coil__shadow_before(from, to);
    coil__context_jump(to);
}

/* The running context begins anew below `high`, in `entry`. Its shadow stack stays as it is. */
static inline __attribute__((always_inline, noreturn)) void coil__context_restart(
    struct coil__context *self, char *high, void (*entry)(struct coil__context *))
{
    coil__context_aim(self, high, entry);
    coil__context_jump(self);
}

/* Calls fn(arg) so that an unwinder takes the suspended context, which must have run, for the
 * caller. Nothing of it is executed or written. */
void coil__context_call_from(const struct coil__context *context, void (*fn)(void *arg), void *arg);

/* Where a suspended context goes on. */
static inline uintptr_t coil__context_pc(const struct coil__context *context)
{
    return (uintptr_t)context->pc;
}

/* True for the return address of a context's first frame. */
static inline bool coil__context_is_root(uintptr_t pc)
{
    return pc - (uintptr_t)coil__context_root <= 8;
}

/* The initialiser of a struct coil__context_layout. */
#define COIL__CONTEXT_LAYOUT                                                                       \
    {                                                                                              \
        .root = coil__context_root, .sp = offsetof(struct coil__context, sp),                      \
        .fp = offsetof(struct coil__context, bp), .pc = offsetof(struct coil__context, pc)         \
    }

/* Asks for the part of the stack that a suspended context will use first. */
static inline void coil__context_fetch(const struct coil__context *context)
{
    const char *sp = context->sp;

    for (int line = 0; line < 8; line++) {
        __builtin_prefetch(sp + 64 * (ptrdiff_t)line);
    }
}

#endif
