/* altstack.c - see altstack.h. The size is that of a mapping which costs only what is touched;
 * reading debug information in a handler takes some of it. */
#include "sys/altstack.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

enum { SIZE = 256 * 1024 };

int coil__altstack_open(struct coil__altstack *ret_altstack)
{
    stack_t stack = {.ss_size = SIZE};
    stack_t now;

    ret_altstack->memory = NULL;
    if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE)) {
        return 0;
    }
    stack.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack.ss_sp == MAP_FAILED) {
        return -ENOMEM;
    }
    if (sigaltstack(&stack, NULL) < 0) {
        munmap(stack.ss_sp, SIZE);
        return -ENOMEM;
    }
    ret_altstack->memory = stack.ss_sp;
    return 0;
}

void coil__altstack_close(struct coil__altstack *altstack)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    stack_t now;

    if (!altstack->memory) {
        return;
    }
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == altstack->memory) {
        sigaltstack(&none, NULL);
    }
    munmap(altstack->memory, SIZE);
    altstack->memory = NULL;
}
