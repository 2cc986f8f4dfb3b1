/* altstack.c - see altstack.h. The size is that of a mapping which costs only what is touched;
 * reading debug information in a handler takes some of it. */
#include "sys/altstack.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

enum { SIZE = 256 * 1024 };

static int open_stack(struct coil__altstack *altstack)
{
    stack_t stack = {.ss_size = SIZE};
    stack_t now;

    if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE)) {
        return 0; /* somebody else's is there */
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
    altstack->memory = stack.ss_sp;
    return 0;
}

int coil__altstack_hold(struct coil__altstack *altstack)
{
    int rc = altstack->users == 0 ? open_stack(altstack) : 0;

    if (rc == 0) {
        altstack->users++;
    }
    return rc;
}

void coil__altstack_release(struct coil__altstack *altstack)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    stack_t now;

    if (altstack->users == 0 || --altstack->users > 0 || !altstack->memory) {
        return;
    }
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == altstack->memory) {
        sigaltstack(&none, NULL);
    }
    munmap(altstack->memory, SIZE);
    altstack->memory = NULL;
}
