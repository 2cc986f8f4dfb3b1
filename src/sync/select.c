/* select.c - one task stands in the lists of several channels, with a turn in each. Whoever serves
 * one of the turns takes the others out before anybody can serve them too.
 */
#include "sync/turn.h"

#include "base/memory.h"
#include "sync/waitlist.h"

#include <coil/select.h>

#include <errno.h>

/* So many turns stand on the stack; more are allocated. */
enum { FEW = 8 };

struct coil__selection {
    struct coil__wait wait;
    struct coil__timer timer;
    struct coil_task *task;
    struct coil__turn *turns;
    size_t count;
    ssize_t rc; /* the index of the one served, or an error; valid once the task is woken */
};

static void take_out(struct coil__selection *selection)
{
    for (size_t i = 0; i < selection->count; i++) {
        coil__list_remove(&selection->turns[i].link);
    }
}

void coil__selection_served(struct coil__turn *turn)
{
    struct coil__selection *selection = turn->selection;

    take_out(selection);
    selection->rc = turn - selection->turns;
}

static void end(struct coil__selection *selection, int error)
{
    take_out(selection);
    selection->rc = error;
    coil__task_wake(selection->task);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    (void)task;
    end(COIL__CONTAINER(wait, struct coil__selection, wait), -ECANCELED);
}

static void on_time(struct coil__timer *timer)
{
    struct coil__selection *selection = COIL__CONTAINER(timer, struct coil__selection, timer);

    if (selection->task->wait == &selection->wait) { /* else a turn was served just before */
        end(selection, -ETIMEDOUT);
    }
}

/* Tries the cases in their order. The index of one that took effect, -EAGAIN, or an error. */
static ssize_t try_all(struct coil_select_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct coil_select_case *c = &cases[i];
        int rc = -EINVAL;

        if (c->kind == COIL_SELECT_NONE) {
            continue;
        }
        if (c->kind == COIL_SELECT_RECV) {
            rc = coil_channel_try_recv(c->channel, c->ret_item);
        } else if (c->kind == COIL_SELECT_SEND) {
            rc = coil_channel_try_send(c->channel, c->item);
        }
        if (rc == 0 || rc == -COIL_ECLOSED) {
            c->rc = rc;
            return (ssize_t)i;
        }
        if (rc != -EAGAIN) {
            return rc;
        }
    }
    return -EAGAIN;
}

static void stand_in_line(struct coil__selection *selection, const struct coil_select_case *cases)
{
    for (size_t i = 0; i < selection->count; i++) {
        const struct coil_select_case *c = &cases[i];
        bool is_send = c->kind == COIL_SELECT_SEND;
        struct coil__turn *turn = &selection->turns[i];

        *turn = (struct coil__turn){
            .task = selection->task,
            .item = is_send ? (char *)(uintptr_t)c->item : c->ret_item,
            .selection = selection,
        };
        if (c->kind != COIL_SELECT_NONE) {
            coil__list_push_tail(is_send ? &c->channel->senders_ : &c->channel->receivers_,
                                 &turn->link);
        }
    }
}

static ssize_t wait_for_one(struct coil__selection *selection, struct coil_select_case *cases,
                            int64_t span_ns)
{
    struct coil_task *self = selection->task;

    if (span_ns != COIL_NEVER) {
        int64_t when = coil__time_after(coil_loop_now(self->loop), span_ns);
        int rc = coil__timer_arm(self->loop, &selection->timer, when);

        if (rc < 0) {
            return rc;
        }
    }
    stand_in_line(selection, cases);
    coil__suspend(self, &selection->wait);
    coil__timer_disarm(self->loop, &selection->timer);
    if (selection->rc >= 0) {
        cases[selection->rc].rc = selection->turns[selection->rc].rc;
    }
    return (int)coil__cancel_reason(self, selection->rc);
}

ssize_t coil_select(struct coil_select_case *cases, size_t count, int64_t span_ns)
{
    struct coil__turn few[FEW];
    struct coil__selection selection = {
        .wait = {.interrupt = interrupt, .what = "select"},
        .timer.fire = on_time,
        .turns = few,
        .count = count,
    };
    ssize_t rc = coil__begin(&selection.task);

    if (rc < 0 || !cases || count == 0) {
        return rc < 0 ? rc : -EINVAL;
    }
    rc = try_all(cases, count);
    if (rc != -EAGAIN || span_ns <= 0) {
        coil__spend(selection.task);
        return rc;
    }
    if (count > FEW) {
        selection.turns = coil__realloc_array(NULL, count, sizeof *selection.turns);
        if (!selection.turns) {
            return -ENOMEM;
        }
    }
    rc = wait_for_one(&selection, cases, span_ns);
    if (count > FEW) {
        coil__free(selection.turns);
    }
    return rc;
}
