/*
 * bench/limits/switch_bare.S - the context switch that switch_bare.c measures (x86-64 System V).
 *
 * Saves the six callee-saved registers on the old stack, stores the old stack pointer, loads the
 * new one and restores. It ends in `pop; jmp *reg` and not in `ret`: the CPU's return predictor
 * remembers the caller of *this* coroutine, so a `ret` into another one is mispredicted each time,
 * while the indirect jump is learned by the branch predictor.
 *
 *     void bare_switch(void **save_sp, void *to_sp);
 */
    .text
    .globl  bare_switch
    .type   bare_switch, @function
    .p2align 6
bare_switch:
    .cfi_startproc
    endbr64
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    popq    %rcx
    jmp     *%rcx
    .cfi_endproc
    .size   bare_switch, . - bare_switch

/*
 * First activation of a coroutine: the prepared frame holds the task in %rbx. The stack is aligned
 * to 16 here, so the call below leaves it as the ABI wants it on entry to a function.
 */
    .globl  bare_entry
    .type   bare_entry, @function
    .p2align 4
bare_entry:
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    movq    %rbx, %rdi
    call    bare_main
    ud2
    .cfi_endproc
    .size   bare_entry, . - bare_entry

    .section .note.GNU-stack, "", @progbits
