/* context_unwind.S - a call whose caller is, for unwinders, a suspended context.
 *
 *     void coil__context_call_from(const struct coil__context *context, void (*fn)(void *arg),
 *                                  void *arg);
 *
 * As on x86-64: while fn runs, the CFI says that the caller's stack pointer, frame pointer and
 * address are those in the context, which stands in x19.
 */
        .text
        .globl  coil__context_call_from
        .hidden coil__context_call_from
        .type   coil__context_call_from, %function
coil__context_call_from:
        .cfi_startproc
        hint    #34                         /* bti c */
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        mov     x29, sp
        str     x19, [sp, #16]
        .cfi_offset x19, -16
        mov     x19, x0
        mov     x0, x2
        .cfi_remember_state
        .cfi_escape 0x0f, 3, 0x83, 0, 0x06  /* def_cfa_expression: breg19 + 0, deref */
        .cfi_escape 0x10, 29, 2, 0x83, 8    /* expression: x29 is saved at x19 + 8 */
        .cfi_escape 0x10, 30, 2, 0x83, 16   /* expression: x30 is saved at x19 + 16 */
        .cfi_undefined x19
        blr     x1
        .cfi_restore_state
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   coil__context_call_from, .-coil__context_call_from
        .section .note.GNU-stack, "", %progbits
