/* names.h - questions for the addresses of a host: asked in threads, once for all who ask the same
 * at the same time, and remembered if the program wants that. */
#ifndef COIL__IO_NAMES_H
#define COIL__IO_NAMES_H

#include "task/task.h"

#include <coil/address.h>

struct coil__name_query {
    const char *host;    /* never NULL, "" for none */
    const char *service; /* a name; NULL: `port` is known */
    uint16_t port;
    int family;
    bool is_passive;
};

struct coil__name_answer {
    struct coil_address *list; /* allocated */
    size_t count;
};

/* Finds the answer, or waits for it: 0, -COIL_EHOSTNAME, -COIL_ERESOLVER, -COIL_EADDRESS, ...;
 * -ENOMEM, -EAGAIN (no thread), the reason of a cancel. */
int coil__names_ask(struct coil_task *self, const struct coil__name_query *query,
                    struct coil__name_answer *ret_answer);

#endif
