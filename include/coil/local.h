/* coil/local.h - values that belong to a task and are inherited by the tasks it creates.
 *
 * A key is a struct of static storage; its address is what counts. A new task sees the values its
 * creator had at that moment; what either sets later, the other does not see.
 *
 * asyncio's counterpart: contextvars.
 */
#ifndef COIL_LOCAL_H
#define COIL_LOCAL_H

#include <coil/base.h>

struct coil_local {
    void *default_value; /* what get returns where nothing was set */
};

COIL_BEGIN_DECLS

/* Binds a value for the calling task. value: not owned; must live as long as any task that may
 * inherit it. 0, -ENOMEM, -EINVAL, -COIL_ENOTASK. */
COIL_EXPORT int coil_local_set(const struct coil_local *key, void *value);

/* The calling task's value; the default outside of tasks, or where none was set. */
COIL_EXPORT void *coil_local_get(const struct coil_local *key);

COIL_END_DECLS

#endif
