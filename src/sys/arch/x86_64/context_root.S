/* context_root.S - the return address of the first frame of every context.
 *
 * Never executed: a context's first function does not return. Its CFI says that there is no
 * caller, so unwinders stop here.
 */
        .text
        .globl  coil__context_root
        .hidden coil__context_root
        .type   coil__context_root, @function
coil__context_root:
        .cfi_startproc
        .cfi_undefined rip
        nop
        ud2
        .cfi_endproc
        .size   coil__context_root, .-coil__context_root
        .section .note.GNU-stack, "", @progbits
