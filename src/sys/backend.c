/* backend.c - chooses a backend, and ends operations for all of them. */
#include "sys/backend.h"

#include "sys/probe.h"

#include <coil/error.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WAKE_TRIES = 4 };

struct choice {
    const char *name;
    int (*open)(const struct coil__backend_config *config, struct coil__backend **ret_backend);
};

/* In order of preference; the simulated one only by name. */
static const struct choice choices[] = {
    {"uring", coil__uring_open},
    {"epoll", coil__epoll_open},
    {"sim", coil__sim_open},
};

static int open_by_name(const struct coil__backend_config *config,
                        struct coil__backend **ret_backend)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (strcmp(config->name, choices[i].name) == 0) {
            int rc = choices[i].open(config, ret_backend);

            return rc == -ENOSYS || rc == -EPERM ? -COIL_EBACKEND : rc;
        }
    }
    return -COIL_EBACKEND;
}

int coil__backend_open(const struct coil__backend_config *config,
                       struct coil__backend **ret_backend)
{
    if (config->name) {
        return open_by_name(config, ret_backend);
    }
    /* Whatever keeps io_uring away (old kernel, seccomp, sysctl, a memory limit), epoll serves. */
    if (coil__uring_open(config, ret_backend) == 0) {
        return 0;
    }
    return coil__epoll_open(config, ret_backend);
}

void coil__op_complete(struct coil_op *op, ssize_t result)
{
    op->result = result;
    op->state_ = COIL__OP_IDLE;
    op->loop_ = NULL;
    COIL__PROBE4(op_complete, op, op->kind_, op->fd_, op->result);
    op->callback_(op);
}

void coil__eventfd_wake(int fd)
{
    uint64_t one = 1;

    for (int tries = 0; tries < WAKE_TRIES; tries++) {
        if (write(fd, &one, sizeof one) >= 0 || errno == EAGAIN) {
            return;
        }
    }
}
