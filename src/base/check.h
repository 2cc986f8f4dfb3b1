/* check.h - COIL_CHECK: an impossibility inside the library, checked in release builds too.
 *
 * It is for what no caller can bring about; misuse by a caller returns an error instead.
 */
#ifndef COIL__BASE_CHECK_H
#define COIL__BASE_CHECK_H

#define COIL__LIKELY(x) __builtin_expect(!!(x), 1)
#define COIL__UNLIKELY(x) __builtin_expect(!!(x), 0)

#define COIL_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (COIL__UNLIKELY(!(cond))) {                                                             \
            coil__check_failed(#cond, __FILE__, __LINE__);                                         \
        }                                                                                          \
    } while (0)

_Noreturn void coil__check_failed(const char *cond, const char *file, int line);

#endif
