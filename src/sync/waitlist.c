/* waitlist.c - see waitlist.h. */
#include "sync/waitlist.h"

#include <errno.h>

static struct coil__waitlist_entry *entry_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil__waitlist_entry, link);
}

int coil__waitlist_check(const struct coil_loop *loop, const char *what)
{
    return !loop || loop == coil__thread.loop ? 0 : coil__misuse_loop(what, loop);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct coil__waitlist_entry *entry = COIL__CONTAINER(wait, struct coil__waitlist_entry, wait);

    coil__list_remove(&entry->link);
    entry->rc = -ECANCELED;
    coil__task_wake(task);
}

static void stand_in_line(struct coil__list *list, struct coil__waitlist_entry *entry)
{
    if (!list->next) {
        coil__list_init(list);
    }
    entry->list = list;
    coil__list_push_tail(list, &entry->link);
    coil__suspend(entry->task, &entry->wait);
}

int coil__waitlist_wait(struct coil_task *self, struct coil__list *list, const char *what)
{
    struct coil__waitlist_entry entry = {
        .wait = {.interrupt = interrupt, .what = what},
        .task = self,
    };

    stand_in_line(list, &entry);
    return (int)coil__cancel_reason(self, entry.rc);
}

void coil__waitlist_wait_through(struct coil_task *self, struct coil__list *list, const char *what)
{
    struct coil__waitlist_entry entry = {.wait.what = what, .task = self};

    stand_in_line(list, &entry);
}

struct coil_task *coil__waitlist_first(const struct coil__list *list)
{
    return entry_of(list->next)->task;
}

bool coil__waitlist_wake_first(struct coil__list *list, int rc)
{
    struct coil__list *link = list->next ? coil__list_pop_head(list) : NULL;

    if (!link) {
        return false;
    }
    entry_of(link)->rc = rc;
    coil__task_wake(entry_of(link)->task);
    return true;
}

void coil__waitlist_wake_all(struct coil__list *list, int rc)
{
    while (coil__waitlist_wake_first(list, rc)) {
    }
}
