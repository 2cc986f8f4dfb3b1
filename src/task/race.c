/* race.c - alternatives, started one after the other, of which the first success is taken. */
#include "task/crew.h"

#include <coil/gather.h>

#include <errno.h>

struct race {
    struct coil__crew crew;
    struct coil__timer timer; /* armed: the next attempt must wait */
    size_t started;           /* items */
    size_t winner;            /* valid once has_winner */
    int result;               /* the winner's */
    int first_error;          /* of item 0; valid once it has failed */
    bool has_winner;
    bool is_due; /* the next attempt may start */
};

static void ended(struct coil__crew *crew, size_t index, int rc)
{
    struct race *race = COIL__CONTAINER(crew, struct race, crew);

    if (rc >= 0 && !race->has_winner) {
        race->has_winner = true;
        race->winner = index;
        race->result = rc;
    }
    if (rc < 0 && index == 0) {
        race->first_error = rc;
    }
    if (rc < 0 && index + 1 == race->started) {
        race->is_due = true;
    }
}

static void on_delay(struct coil__timer *timer)
{
    struct race *race = COIL__CONTAINER(timer, struct race, timer);

    race->is_due = true;
    coil__crew_wake(&race->crew);
}

/* Starts the next attempt. One that cannot be started has failed. */
static void start_next(struct race *race, coil_task_fn fn, char *item, int64_t delay_ns)
{
    struct coil_loop *loop = race->crew.self->loop;
    size_t index = race->started++;
    int rc;

    race->is_due = false;
    rc = coil__crew_start(&race->crew, fn, item, index);
    if (rc == 0) {
        rc = coil__timer_arm(
            loop, &race->timer,
            delay_ns == COIL_NEVER ? COIL_NEVER : coil__time_after(coil_loop_now(loop), delay_ns));
        race->is_due = rc < 0; /* without a timer the next one cannot wait */
    } else {
        ended(&race->crew, index, rc);
    }
}

static bool is_over(const struct race *race, size_t count)
{
    return race->has_winner || race->crew.is_cancelled ||
           (race->started == count && race->crew.running_count == 0);
}

static void run(struct race *race, coil_task_fn fn, char *items, size_t count, size_t item_size,
                int64_t delay_ns)
{
    struct coil__crew *crew = &race->crew;

    while (!is_over(race, count)) {
        if (race->is_due && race->started < count && !crew->self->cancel) {
            start_next(race, fn, items + race->started * item_size, delay_ns);
        } else if (crew->running_count == 0 && crew->self->cancel) {
            crew->is_cancelled = true;
        } else {
            coil__crew_wait(crew);
        }
    }
    coil__timer_disarm(crew->self->loop, &race->timer);
    if (!crew->is_cancelled) {
        coil__crew_cancel(crew, NULL, "another attempt of its race was faster");
    }
    coil__crew_join(crew);
}

int coil_staggered_race(coil_task_fn fn, void *items, size_t count, size_t item_size,
                        int64_t delay_ns, size_t *ret_winner)
{
    struct race race = {.timer.fire = on_delay, .is_due = true};
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!fn || !items || count == 0 || item_size == 0) {
        return -EINVAL;
    }
    coil__crew_init(&race.crew, self, "race", ended);
    run(&race, fn, items, count, item_size, delay_ns);
    if (race.has_winner) {
        if (ret_winner) {
            *ret_winner = race.winner;
        }
        return race.result;
    }
    return self->cancel ? coil__cancel_error(self) : race.first_error;
}
