/* shared_queue.c - see coil/shared_queue.h.
 *
 * Everything in a queue is under its lock. Invariants, as of a queue within a loop: getters wait
 * only while it is empty, putters only while it is full; so whoever comes deals with the first of
 * the other side directly, or with the slots.
 *
 * Who waits stands in a list with a turn, on its own stack. Who serves a turn takes it out of the
 * list, copies the item, and sets off the wake: for a thread its condition, for a task a node that
 * is pushed into its loop's inbox. That is done with the lock held, and the one who waited takes
 * the lock once more before it goes on: so the turn, and with the turn the task and its loop,
 * stay until whoever served it has let go of them. A cancel takes the turn out, or finds that it
 * was served; then the node is on its way, and the result counts (completed wins).
 *
 * The owner of the queue and each turn hold the memory; the last one of them frees it. So an owner
 * that has got the last item may end the queue at once, and one that ends it too early leaves
 * nobody behind who waits for ever.
 */
#include "sync/turn.h"

#include "base/memory.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <coil/shared_queue.h>

#include <errno.h>

struct coil__shared_queue {
    pthread_mutex_t lock;
    unsigned holders;
    bool is_shut_down;
    size_t item_size;
    size_t max;                /* in items */
    size_t count;              /* in the ring of slots */
    size_t first;              /* index of the oldest one */
    size_t unfinished;         /* put and not task_done */
    struct coil__list getters; /* of turn.link */
    struct coil__list putters;
    struct coil__list joiners;
    char slots[];
};

struct turn {
    struct coil__list link;
    char *item; /* the putter's, read only; or where the getter wants it; NULL of a joiner */
    int rc;     /* valid once served: when it is in no list */
    void (*wake)(struct turn *turn);
};

static struct turn *turn_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct turn, link);
}

/* --- the queue itself; all of this with the lock held --- */

static void serve(struct turn *turn, int rc)
{
    coil__list_remove(&turn->link);
    turn->rc = rc;
    turn->wake(turn);
}

static void serve_all(struct coil__list *list, int rc)
{
    while (!coil__list_is_empty(list)) {
        serve(turn_of(list->next), rc);
    }
}

static char *slot(struct coil__shared_queue *core, size_t index)
{
    size_t at = core->first + index;

    return core->slots + (at < core->max ? at : at - core->max) * core->item_size;
}

static void store(struct coil__shared_queue *core, const char *item)
{
    coil__item_copy(slot(core, core->count), item, core->item_size);
    core->count++;
}

static void end_unfinished(struct coil__shared_queue *core, size_t count)
{
    core->unfinished -= count;
    if (core->unfinished == 0) {
        serve_all(&core->joiners, 0);
    }
}

static int give(struct coil__shared_queue *core, char *item)
{
    if (core->is_shut_down) {
        return -COIL_ECLOSED;
    }
    if (!coil__list_is_empty(&core->getters)) {
        struct turn *turn = turn_of(core->getters.next);

        coil__item_copy(turn->item, item, core->item_size);
        serve(turn, 0);
    } else if (core->count < core->max) {
        store(core, item);
    } else {
        return -EAGAIN;
    }
    core->unfinished++;
    return 0;
}

static int take(struct coil__shared_queue *core, char *ret_item)
{
    if (core->count == 0) {
        return core->is_shut_down ? -COIL_ECLOSED : -EAGAIN;
    }
    coil__item_copy(ret_item, slot(core, 0), core->item_size);
    core->first = core->first + 1 < core->max ? core->first + 1 : 0;
    core->count--;
    if (!coil__list_is_empty(&core->putters)) { /* there is room for one of them */
        struct turn *turn = turn_of(core->putters.next);

        store(core, turn->item);
        core->unfinished++;
        serve(turn, 0);
    }
    return 0;
}

static int join(struct coil__shared_queue *core, char *unused)
{
    (void)unused;
    return core->unfinished == 0 ? 0 : -EAGAIN;
}

static void shut_down(struct coil__shared_queue *core, bool immediate)
{
    core->is_shut_down = true;
    if (immediate && core->count > 0) {
        size_t count = core->count;

        core->count = 0;
        core->first = 0;
        end_unfinished(core, count < core->unfinished ? count : core->unfinished);
    }
    serve_all(&core->putters, -COIL_ECLOSED);
    serve_all(&core->getters, -COIL_ECLOSED); /* those wait only where it is empty */
}

/* Lets go of it, with the lock held; it is gone after that, for the caller at least. */
static void release(struct coil__shared_queue *core)
{
    bool is_last = --core->holders == 0;

    coil__mutex_unlock(&core->lock);
    if (is_last) {
        coil__mutex_deinit(&core->lock);
        coil__free(core);
    }
}

/* --- open and closed --- */

int coil_shared_queue_init(struct coil_shared_queue *queue, size_t item_size, size_t max)
{
    struct coil__shared_queue *core;
    size_t size;
    int rc;

    if (!queue || item_size == 0 || max == 0) {
        return -EINVAL;
    }
    if (__builtin_mul_overflow(item_size, max, &size) ||
        __builtin_add_overflow(size, sizeof *core, &size)) {
        return -ENOMEM;
    }
    core = coil__malloc(size);
    if (!core) {
        return -ENOMEM;
    }
    *core = (struct coil__shared_queue){.holders = 1, .item_size = item_size, .max = max};
    rc = coil__mutex_init(&core->lock);
    if (rc < 0) {
        coil__free(core);
        return rc;
    }
    coil__list_init(&core->getters);
    coil__list_init(&core->putters);
    coil__list_init(&core->joiners);
    queue->core_ = core;
    return 0;
}

void coil_shared_queue_deinit(struct coil_shared_queue *queue)
{
    struct coil__shared_queue *core = queue ? queue->core_ : NULL;

    if (!core) {
        return;
    }
    queue->core_ = NULL;
    coil__mutex_lock(&core->lock);
    shut_down(core, true);
    serve_all(&core->joiners, -COIL_ECLOSED);
    release(core);
}

/* Locks the queue. 0, or why it cannot be used. */
static int enter(const struct coil_shared_queue *queue, const void *item)
{
    if (COIL__UNLIKELY(!queue || !queue->core_ || !item)) {
        return -EINVAL;
    }
    if (COIL__UNLIKELY(coil__thread.is_forked)) {
        return -COIL_EFORKED;
    }
    coil__mutex_lock(&queue->core_->lock);
    return 0;
}

int coil_shared_queue_shutdown(struct coil_shared_queue *queue, bool immediate)
{
    int rc = enter(queue, "");

    if (rc == 0) {
        shut_down(queue->core_, immediate);
        coil__mutex_unlock(&queue->core_->lock);
    }
    return rc;
}

/* --- waiting --- */

/* What a call tries, and where it waits when that says -EAGAIN. */
struct action {
    int (*attempt)(struct coil__shared_queue *core, char *item);
    size_t line; /* offset of the list */
    const char *what;
};

static const struct action putting = {give, offsetof(struct coil__shared_queue, putters),
                                      "shared queue put"};
static const struct action getting = {take, offsetof(struct coil__shared_queue, getters),
                                      "shared queue get"};
static const struct action joining = {join, offsetof(struct coil__shared_queue, joiners),
                                      "shared queue join"};

/* Locked. */
static void stand_in_line(struct coil__shared_queue *core, const struct action *action,
                          struct turn *turn)
{
    coil__list_push_tail((struct coil__list *)(void *)((char *)core + action->line), &turn->link);
    core->holders++;
}

/* On the stack of a task that waits. */
struct task_turn {
    struct turn turn;
    struct coil__wait wait;
    struct coil__ready arrival; /* the way into its loop */
    struct coil_task *task;
    struct coil__shared_queue *core;
};

static void send_arrival(struct turn *turn)
{
    struct task_turn *tt = COIL__CONTAINER(turn, struct task_turn, turn);

    coil__inbox_push(tt->task->loop, &tt->arrival);
}

static void arrive(struct coil__ready *ready)
{
    coil__task_wake(COIL__CONTAINER(ready, struct task_turn, arrival)->task);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct task_turn *tt = COIL__CONTAINER(wait, struct task_turn, wait);
    bool has_waited;

    coil__mutex_lock(&tt->core->lock);
    has_waited = coil__list_is_linked(&tt->turn.link);
    if (has_waited) {
        coil__list_remove(&tt->turn.link);
        tt->turn.rc = -ECANCELED;
    }
    coil__mutex_unlock(&tt->core->lock);
    if (has_waited) {
        coil__task_wake(task);
    }
}

/* Locked; unlocks. */
static int wait_in_task(struct coil_task *self, struct coil__shared_queue *core,
                        const struct action *action, char *item)
{
    struct task_turn tt = {
        .turn = {.item = item, .wake = send_arrival},
        .wait = {.interrupt = interrupt, .what = action->what},
        .arrival.run = arrive,
        .task = self,
        .core = core,
    };

    stand_in_line(core, action, &tt.turn);
    coil__mutex_unlock(&core->lock);
    coil__loop_count_external(self->loop, 1);
    coil__suspend(self, &tt.wait);
    coil__loop_count_external(self->loop, -1);
    coil__mutex_lock(&core->lock);
    release(core);
    return (int)coil__cancel_reason(self, tt.turn.rc);
}

/* On the stack of a thread that waits. */
struct thread_turn {
    struct turn turn;
    pthread_cond_t is_served;
};

static void signal_thread(struct turn *turn)
{
    coil__cond_signal(&COIL__CONTAINER(turn, struct thread_turn, turn)->is_served);
}

/* Locked; unlocks. */
static int wait_in_thread(struct coil__shared_queue *core, const struct action *action, char *item,
                          int64_t timeout_ns)
{
    struct thread_turn tt = {.turn = {.item = item, .wake = signal_thread}};
    int64_t deadline = coil__time_after(coil__clock_now(), timeout_ns);
    bool in_time = true;
    int rc = coil__cond_init(&tt.is_served);

    if (rc < 0) {
        coil__mutex_unlock(&core->lock);
        return rc;
    }
    stand_in_line(core, action, &tt.turn);
    while (coil__list_is_linked(&tt.turn.link) && in_time) {
        in_time = coil__cond_wait(&tt.is_served, &core->lock, deadline);
    }
    if (coil__list_is_linked(&tt.turn.link)) {
        coil__list_remove(&tt.turn.link);
        tt.turn.rc = -ETIMEDOUT;
    }
    release(core);
    coil__cond_deinit(&tt.is_served);
    return tt.turn.rc;
}

/* --- the calls --- */

static int act_in_task(struct coil_shared_queue *queue, const struct action *action, char *item)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = enter(queue, item);
    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = action->attempt(queue->core_, item);
    if (rc == -EAGAIN) {
        return wait_in_task(self, queue->core_, action, item);
    }
    coil__mutex_unlock(&queue->core_->lock);
    coil__spend(self);
    return rc;
}

static int act_in_thread(struct coil_shared_queue *queue, const struct action *action, char *item,
                         int64_t timeout_ns)
{
    int rc = coil__thread.loop ? -EDEADLK : enter(queue, item);

    if (rc < 0) {
        return rc;
    }
    rc = action->attempt(queue->core_, item);
    if (rc == -EAGAIN && timeout_ns > 0) {
        return wait_in_thread(queue->core_, action, item, timeout_ns);
    }
    coil__mutex_unlock(&queue->core_->lock);
    return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static int act_at_once(struct coil_shared_queue *queue, const struct action *action, char *item)
{
    int rc = enter(queue, item);

    if (rc == 0) {
        rc = action->attempt(queue->core_, item);
        coil__mutex_unlock(&queue->core_->lock);
    }
    return rc;
}

/* What is put is only read. */
static char *item_of(const void *item)
{
    return (char *)(uintptr_t)item;
}

int coil_shared_queue_put(struct coil_shared_queue *queue, const void *item)
{
    return act_in_task(queue, &putting, item_of(item));
}

int coil_shared_queue_get(struct coil_shared_queue *queue, void *ret_item)
{
    return act_in_task(queue, &getting, ret_item);
}

int coil_shared_queue_put_blocking(struct coil_shared_queue *queue, const void *item,
                                   int64_t timeout_ns)
{
    return act_in_thread(queue, &putting, item_of(item), timeout_ns);
}

int coil_shared_queue_get_blocking(struct coil_shared_queue *queue, void *ret_item,
                                   int64_t timeout_ns)
{
    return act_in_thread(queue, &getting, ret_item, timeout_ns);
}

int coil_shared_queue_try_put(struct coil_shared_queue *queue, const void *item)
{
    return act_at_once(queue, &putting, item_of(item));
}

int coil_shared_queue_try_get(struct coil_shared_queue *queue, void *ret_item)
{
    return act_at_once(queue, &getting, ret_item);
}

int coil_shared_queue_task_done(struct coil_shared_queue *queue)
{
    int rc = enter(queue, "");

    if (rc < 0) {
        return rc;
    }
    if (queue->core_->unfinished == 0) {
        rc = -COIL_EINVALIDSTATE;
    } else {
        end_unfinished(queue->core_, 1);
    }
    coil__mutex_unlock(&queue->core_->lock);
    return rc;
}

int coil_shared_queue_join(struct coil_shared_queue *queue)
{
    return act_in_task(queue, &joining, item_of(""));
}

int coil_shared_queue_join_blocking(struct coil_shared_queue *queue, int64_t timeout_ns)
{
    return act_in_thread(queue, &joining, item_of(""), timeout_ns);
}

size_t coil_shared_queue_count(const struct coil_shared_queue *queue)
{
    size_t count = 0;

    if (enter(queue, "") == 0) {
        count = queue->core_->count;
        coil__mutex_unlock(&queue->core_->lock);
    }
    return count;
}

bool coil_shared_queue_is_full(const struct coil_shared_queue *queue)
{
    bool is_full = false;

    if (enter(queue, "") == 0) {
        is_full = queue->core_->count >= queue->core_->max;
        coil__mutex_unlock(&queue->core_->lock);
    }
    return is_full;
}
