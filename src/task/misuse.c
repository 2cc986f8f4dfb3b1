/* misuse.c - in debug mode, sentences about handles that cannot be used, or not for this. */
#include "task/task.h"

#include <errno.h>
#include <stdio.h>

/* What is wrong with a task that is still there. */
static const char *about(int rc, const struct coil_task *task)
{
    if (rc == -EDEADLK) {
        return task == coil__thread.task ? "waits for its own end: let another task do that"
                                         : "waits itself for the task that is to await it, or for "
                                           "one that does: neither would ever end";
    }
    if (rc == -COIL_EWRONGTHREAD) {
        return "is of another loop of this thread: use it while that one runs";
    }
    switch (task->owner_kind) {
    case COIL__OWNED_BY_NOBODY:
        return "was detached: await a task or detach it, not both";
    case COIL__OWNED_BY_OBJECT:
        return "was given to a group, or to another call that waits for tasks, and is awaited "
               "there: close the group instead";
    default:
        return "is awaited already: take the result there, or use coil_wait, which consumes "
               "nothing";
    }
}

int coil__task_refuse(int rc, struct coil_task *handle)
{
    const struct coil_loop *loop = coil__thread.loop;
    struct coil_task *task;
    char text[256];
    int reason = coil__task_check(handle, &task);

    if (rc == -ENOMEM && !handle) {
        return coil__misuse_told(rc, "a task handle is NULL: the task was not created; look at "
                                     "what coil_create_task returns");
    }
    if (reason == -COIL_ESTALE) {
        return coil__misuse_told(rc, "a task handle was used after its end: a task is awaited, "
                                     "detached or given away once, and its handle is gone then");
    }
    if (reason < 0 || !loop || !loop->debug) {
        return coil__misuse(rc);
    }
    snprintf(text, sizeof text, "task %s %s", coil_task_name(handle), about(rc, task));
    return coil__misuse_told(rc, text);
}
