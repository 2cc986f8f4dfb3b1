/* context.c (ucontext) - makecontext passes ints only, so the context travels as two halves. */
#include "sys/context.h"

static void enter(unsigned high, unsigned low)
{
    uintptr_t bits = (uintptr_t)(((uint64_t)high << 32) | low);
    struct coil__context *context = (struct coil__context *)bits;

    context->entry(context);
}

void coil__context_prepare(struct coil__context *context, char *low, char *high,
                           void (*entry)(struct coil__context *))
{
    uint64_t bits = (uintptr_t)context;

    getcontext(&context->uc);
    context->entry = entry;
    context->uc.uc_stack.ss_sp = low;
    context->uc.uc_stack.ss_size = (size_t)(high - low);
    context->uc.uc_link = NULL;
    makecontext(&context->uc, (void (*)(void))(uintptr_t)enter, 2, (unsigned)(bits >> 32),
                (unsigned)bits);
}
