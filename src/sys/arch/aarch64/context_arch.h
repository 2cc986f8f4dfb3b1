/* context_arch.h (aarch64, AAPCS64) - the context switch. Included by sys/context.h only.
 *
 * As on x86-64: stack pointer, frame pointer and the address to go on at are saved; all other
 * registers are clobbers, saved and described by the compiler where they are live. x18 is one of
 * them: on Linux it is a temporary. FPCR belongs to the thread.
 */
#ifndef COIL__SYS_CONTEXT_ARCH_H
#define COIL__SYS_CONTEXT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coil__context {
    void *sp;
    void *fp; /* before the first run: the entry function */
    void *pc;
};

extern const char coil__context_root[];
/* Sets the return address to the root and enters the function found in fp. */
extern const char coil__context_enter[];

static inline void coil__context_prepare(struct coil__context *context, char *low, char *high,
                                         void (*entry)(struct coil__context *))
{
    (void)low;
    context->sp = (void *)((uintptr_t)high & ~(uintptr_t)15);
    context->fp = (void *)(uintptr_t)entry;
    context->pc = (void *)(uintptr_t)coil__context_enter;
}

/* What a build with SVE may keep in registers besides; the vectors are those named v. */
#if defined(__ARM_FEATURE_SVE)
#define COIL__CONTEXT_CLOBBERS_SVE                                                                 \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",      \
        "p14", "p15", "ffr"
#else
#define COIL__CONTEXT_CLOBBERS_SVE
#endif

static inline __attribute__((always_inline)) void coil__context_swap(struct coil__context *from,
                                                                     struct coil__context *to)
{
    register struct coil__context *x0 __asm__("x0") = from;
    register struct coil__context *x1 __asm__("x1") = to;

    __asm__ volatile("adr x9, 1f\n\t"
                     "mov x10, sp\n\t"
                     "stp x10, x29, [x0]\n\t"
                     "str x9, [x0, #16]\n\t"
                     "ldp x10, x29, [x1]\n\t"
                     "ldr x16, [x1, #16]\n\t"
                     "mov sp, x10\n\t"
                     "mov x0, x1\n\t"
                     "br x16\n\t"
                     "1:\thint #36\n\t" /* bti j */
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                       "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                       "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                       "v29", "v30", "v31", "cc", "memory" COIL__CONTEXT_CLOBBERS_SVE);
}

static inline void coil__context_entered(struct coil__context *self)
{
    (void)self;
}

/* Goes on with `to`, and saves nothing. */
static inline __attribute__((always_inline, noreturn)) void coil__context_jump(
    struct coil__context *to)
{
    register struct coil__context *x1 __asm__("x1") = to;

    __asm__ volatile("ldp x10, x29, [x1]\n\t"
                     "ldr x16, [x1, #16]\n\t"
                     "mov sp, x10\n\t"
                     "mov x0, x1\n\t"
                     "br x16"
                     :
                     : "r"(x1)
                     : "memory");
    __builtin_unreachable();
}

/* Goes on with `to`; `from` never runs again. */
static inline __attribute__((always_inline, noreturn)) void coil__context_finish(
    struct coil__context *from, struct coil__context *to)
{
    (void)from;
    coil__context_jump(to);
}

/* The running context begins anew below `high`, in `entry`. */
static inline __attribute__((always_inline, noreturn)) void coil__context_restart(
    struct coil__context *self, char *high, void (*entry)(struct coil__context *))
{
    coil__context_prepare(self, NULL, high, entry);
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
        .fp = offsetof(struct coil__context, fp), .pc = offsetof(struct coil__context, pc)         \
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
