/* unchecked.h - functions that read memory which is changing, or which a sanitizer has marked: the
 * stacks and the state of another thread. They are written so that any value will do. */
#ifndef COIL__SYS_UNCHECKED_H
#define COIL__SYS_UNCHECKED_H

#define COIL__UNCHECKED                                                                            \
    __attribute__((noinline, no_sanitize("address"), no_sanitize("thread"),                        \
                   no_sanitize("undefined")))

#endif
