/* misuse.c - in debug mode, sentences about handles that cannot be used, or not for this. */
#include "task/task.h"

#include "base/text.h"

#include <errno.h>

enum { TEXT_SIZE = 512 };

/* What is wrong with a task that is still there. */
static const char *about(int rc, const struct coil_task *task)
{
    if (rc == -EDEADLK) {
        return task == coil__thread.task ? "waits for its own end: let another task do that"
                                         : "waits itself for the task that is to await it, or for "
                                           "one that does: neither would ever end";
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

static void add_place(struct coil__text *text, const struct coil_task *task)
{
    if (task->site) {
        coil__text_add(text, "\n  it was created at %s:%d in %s",
                       coil__text_base_name(task->site->file), task->site->line, task->site->func);
    }
}

static void add_elsewhere(struct coil__text *text, const struct coil_loop *loop)
{
    coil__text_add(text, "of ");
    coil__misuse_add_owner(text, loop);
    coil__text_add(text, " was used in ");
    coil__misuse_add_here(text);
}

int coil__task_refuse(int rc, struct coil_task *handle)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    struct coil_task *task;
    int reason = coil__task_check(handle, &task);

    if (rc == -ENOMEM && !handle) {
        return coil__misuse_told(rc, "a task handle is NULL: the task was not created; look at "
                                     "what coil_create_task returns");
    }
    if (reason == -COIL_ESTALE) {
        return coil__misuse_told(rc, "a task handle was used after its end: a task is awaited, "
                                     "detached or given away once, and its handle is gone then");
    }
    if (!coil__misuse_is_told()) {
        return rc;
    }
    if (rc == -COIL_EWRONGTHREAD) {
        coil__text_add(&text, "a task ");
        add_elsewhere(&text, reason == 0 ? task->loop : NULL);
        coil__text_add(&text, ": use it in its own one, while that runs");
    } else if (reason < 0) {
        return coil__misuse(rc);
    } else {
        coil__text_add(&text, "task %s %s", coil_task_name(handle), about(rc, task));
    }
    if (reason == 0) {
        add_place(&text, task);
    }
    return coil__misuse_told(rc, buf);
}
