/* crew.c - see crew.h. */
#include "task/crew.h"

void coil__crew_wake(struct coil__crew *crew)
{
    if (crew->self->wait == &crew->wait) {
        coil__task_wake(crew->self);
    }
}

static void child_done(struct coil__owner *owner, struct coil_task *task)
{
    struct coil__crew *crew = COIL__CONTAINER(owner, struct coil__crew, owner);

    coil__list_remove(&task->owner_link);
    crew->running_count--;
    crew->ended(crew, task->owner_index, task->rc);
    coil__crew_wake(crew);
}

static void cancel_with_leader(struct coil__crew *crew)
{
    coil__crew_cancel(crew, crew->self->cancel->origin_, "the task that started it was cancelled");
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    (void)task;
    cancel_with_leader(COIL__CONTAINER(wait, struct coil__crew, wait));
}

void coil__crew_init(struct coil__crew *crew, struct coil_task *self, const char *what,
                     void (*ended)(struct coil__crew *crew, size_t index, int rc))
{
    *crew = (struct coil__crew){
        .owner = {.child_done = child_done, .leader = self, .is_awaited = true},
        .wait = {.interrupt = interrupt, .what = what},
        .self = self,
        .ended = ended,
    };
    coil__list_init(&crew->running);
}

int coil__crew_start(struct coil__crew *crew, coil_task_fn fn, void *item, size_t index)
{
    struct coil_task *handle = coil_create_task_at(NULL, fn, item);
    struct coil_task *task;
    int rc = coil__task_look(handle, &task);

    if (rc < 0) {
        return rc;
    }
    coil__list_push_tail(&crew->running, &task->owner_link);
    crew->running_count++;
    return coil__task_adopt(handle, &crew->owner, index);
}

void coil__crew_cancel(struct coil__crew *crew, const struct coil_site *site, const char *reason)
{
    crew->is_cancelled = true;
    crew->wait.interrupt = NULL;
    COIL__LIST_FOREACH_SAFE(&crew->running, link) {
        coil__task_cancel(COIL__CONTAINER(link, struct coil_task, owner_link), site, reason);
    }
}

void coil__crew_wait(struct coil__crew *crew)
{
    if (crew->self->cancel && !crew->is_cancelled) {
        cancel_with_leader(crew);
    }
    coil__suspend(crew->self, &crew->wait);
}

void coil__crew_join(struct coil__crew *crew)
{
    while (crew->running_count > 0) {
        coil__crew_wait(crew);
    }
}
