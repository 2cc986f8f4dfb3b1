/* quit.c - SIGQUIT in debug mode: the tasks are printed, and the program goes on.
 *
 * The handler only counts the signal and sends `ready` to the loop's inbox, once until it has
 * arrived there; the loop prints.
 */
#include "task/inspect.h"

#include "base/memory.h"
#include "sys/signals.h"

struct coil__quit {
    struct coil__signal_target target;
    struct coil__ready ready; /* in the inbox while is_under_way */
    atomic_bool is_under_way;
    struct coil_loop *loop;
};

static void arrive(struct coil__ready *ready)
{
    struct coil__quit *quit = COIL__CONTAINER(ready, struct coil__quit, ready);

    atomic_store(&quit->is_under_way, false);
    if (coil__signal_take(&quit->target, SIGQUIT) > 0) {
        coil_print_tasks(stderr);
    }
}

/* In the handler. */
static void notify(struct coil__signal_target *target)
{
    struct coil__quit *quit = COIL__CONTAINER(target, struct coil__quit, target);

    if (!atomic_exchange(&quit->is_under_way, true)) {
        coil__inbox_push(quit->loop, &quit->ready);
    }
}

struct coil__quit *coil__quit_listen(struct coil_loop *loop)
{
    struct coil__quit *quit;

    if (!loop->debug || !coil__signal_is_free(SIGQUIT)) {
        return NULL;
    }
    quit = coil__calloc(1, sizeof *quit);
    if (!quit) {
        return NULL;
    }
    quit->target.notify = notify;
    quit->ready.run = arrive;
    quit->loop = loop;
    if (coil__signal_listen(&quit->target, COIL__SIGNAL_BIT(SIGQUIT)) < 0) {
        coil__free(quit);
        return NULL;
    }
    return quit;
}

/* In the child of a fork the target is forgotten already, and the inbox a copy. */
void coil__quit_close(struct coil__quit *quit)
{
    if (quit && !quit->loop->is_forked) {
        coil__signal_listen(&quit->target, 0);
        coil__inbox_drain(quit->loop);
    }
    coil__free(quit);
}
