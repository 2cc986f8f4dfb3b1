/* context_unwind.S - a call whose caller is, for unwinders, a suspended context.
 *
 *     void coil__context_call_from(const struct coil__context *context, void (*fn)(void *arg),
 *                                  void *arg);
 *
 * While fn runs, the CFI of this function says that its caller's stack pointer, frame pointer and
 * address are those in the context (which stands in rbx): what walks fn's stack goes on in the
 * context's. Nothing there is executed or written. The function itself returns as ever.
 */
        .text
        .globl  coil__context_call_from
        .hidden coil__context_call_from
        .type   coil__context_call_from, @function
coil__context_call_from:
        .cfi_startproc
        endbr64
        pushq   %rbx
        .cfi_def_cfa_offset 16
        .cfi_offset rbx, -16
        movq    %rdi, %rbx
        movq    %rdx, %rdi
        .cfi_remember_state
        .cfi_escape 0x0f, 3, 0x73, 0, 0x06  /* def_cfa_expression: breg3 (rbx) + 0, deref */
        .cfi_escape 0x10, 6, 2, 0x73, 8     /* expression: rbp is saved at rbx + 8 */
        .cfi_escape 0x10, 16, 2, 0x73, 16   /* expression: rip is saved at rbx + 16 */
        .cfi_undefined rbx
        callq   *%rsi
        .cfi_restore_state
        popq    %rbx
        .cfi_def_cfa_offset 8
        .cfi_restore rbx
        ret
        .cfi_endproc
        .size   coil__context_call_from, .-coil__context_call_from
        .section .note.GNU-stack, "", @progbits
