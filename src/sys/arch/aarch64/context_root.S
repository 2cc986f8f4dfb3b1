/* context_root.S - entry and root of a context.
 *
 * coil__context_enter runs once per context: the entry function stands in x29, the context in x0.
 * coil__context_root is the return address of the first frame; its CFI says "no caller".
 */
        .text
        .globl  coil__context_enter
        .hidden coil__context_enter
        .type   coil__context_enter, %function
coil__context_enter:
        .cfi_startproc
        .cfi_undefined x30
        hint    #36                     /* bti j */
        mov     x16, x29
        mov     x29, xzr
        adr     x30, coil__context_root + 4
        br      x16
        .cfi_endproc
        .size   coil__context_enter, .-coil__context_enter

        .globl  coil__context_root
        .hidden coil__context_root
        .type   coil__context_root, %function
coil__context_root:
        .cfi_startproc
        .cfi_undefined x30
        nop
        brk     #1
        .cfi_endproc
        .size   coil__context_root, .-coil__context_root
        .section .note.GNU-stack, "", %progbits
