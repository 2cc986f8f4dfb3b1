/* retry.h - a system call, again after EINTR; -1 and errno become -errno. */
#ifndef COIL__SYS_RETRY_H
#define COIL__SYS_RETRY_H

#include <errno.h>
#include <sys/types.h>

#define RETRY(call)                                                                                \
    (__extension__({                                                                               \
        ssize_t result_;                                                                           \
        do {                                                                                       \
            result_ = (call);                                                                      \
        } while (result_ < 0 && errno == EINTR);                                                   \
        result_ < 0 ? -(ssize_t)errno : result_;                                                   \
    }))

#endif
