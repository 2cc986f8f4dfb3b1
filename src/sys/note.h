/* note.h - a note in the ELF file: what programs that look at it from outside find by its name.
 *
 * Unlike a symbol it survives strip, and needs no export. Its contents are two words: the version,
 * and how far it is from the second one to `symbol`, which is the same wherever it is loaded.
 */
#ifndef COIL__SYS_NOTE_H
#define COIL__SYS_NOTE_H

/* At file scope. name: a literal of 4 characters; version: of digits; symbol: not static. */
#define COIL__ELF_NOTE(name, version, symbol)                                                      \
    __asm__(".pushsection .note." name ", \"a\", %note\n\t"                                        \
            ".balign 4\n\t"                                                                        \
            ".long 5, 8, 1\n\t" /* sizes of name and contents, type */                             \
            ".asciz \"" name "\"\n\t"                                                              \
            ".balign 4\n\t"                                                                        \
            ".long " version "\n\t"                                                                \
            ".long " #symbol " - .\n\t"                                                            \
            ".popsection")

#endif
