/* uring_absent.c - stands in for backend_uring.c where liburing was not found at build time. */
#include "sys/backend.h"

#include <errno.h>

int coil__uring_open(const struct coil__backend_config *config, struct coil__backend **ret_backend)
{
    (void)config;
    (void)ret_backend;
    return -ENOSYS;
}
