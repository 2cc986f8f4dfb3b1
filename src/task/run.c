/* run.c - from main() into the first task and back.
 *
 * The end has an order: the first task ends; all others are cancelled and awaited; what nobody
 * asked for is reported; then the loop goes. SIGINT reaches the first task as a cancel, and so does
 * a deadlock (deadlock.c), which all others hear of as well.
 */
#include "task/inspect.h"

#include "sys/interrupt.h"

#include <coil/run.h>

#include <errno.h>

#define MAIN_STACK (256 * 1024)

struct run {
    struct coil__owner owner;
    struct coil_task *main; /* the handle; NULL once it has ended */
    struct coil_loop *loop;
    int rc;
    bool was_interrupted;
    bool was_cancelled; /* by others as well, and they have not taken it back */
};

static void main_done(struct coil__owner *owner, struct coil_task *task)
{
    struct run *run = COIL__CONTAINER(owner, struct run, owner);

    run->rc = task->rc;
    run->was_cancelled = task->root.requests_ > 1;
    run->main = NULL;
    run->loop->elisions_left = 0;
}

static void on_interrupt(void *user)
{
    struct run *run = user;

    run->was_interrupted = true;
    if (run->main) {
        coil_cancel_because(run->main, "SIGINT");
    }
}

static void cancel_one(struct coil_task *task, void *user)
{
    (void)user;
    if (task->state < COIL__TASK_ENDING && task->root.error_ == 0) {
        coil__task_cancel(task, NULL, "the loop is closing");
    }
}

/* An ended task whose handle nobody has consumed. */
static void drop_unclaimed(struct coil_task *task, void *user)
{
    (void)user;
    coil__task_report_unclaimed(task);
    coil__task_free(task);
}

/* Tasks that start further tasks while they are cancelled have those cancelled as well. */
static int end_all(struct coil_loop *loop)
{
    int rc = 0;

    while (rc == 0 && coil__counter_get(&loop->task_count) > 0) {
        coil__tasks_each(loop, cancel_one, NULL);
        rc = coil__loop_iterate(loop, COIL_NEVER);
        loop->is_stopping = false;
    }
    if (rc == 0) {
        coil__tasks_each(loop, drop_unclaimed, NULL);
    }
    return rc;
}

int coil__tasks_end(struct coil_loop *loop)
{
    int rc = coil__loop_enter(loop);

    if (rc == 0) {
        rc = end_all(loop);
        coil__loop_leave(loop);
    }
    return rc;
}

/* The loop failed for good while the first task still lives: it must not tell `run` of its end. */
static void give_up_main(struct run *run)
{
    struct coil_task *task;

    if (run->main && coil__task_find(run->main, &task) == 0) {
        task->owner_kind = COIL__OWNED_BY_NOBODY;
        task->marks |= COIL__TASK_QUIET;
    }
}

static int run_main(struct run *run)
{
    struct coil_loop *loop = run->loop;
    int rc = 0;
    int end_rc;

    while (rc == 0 && run->main && !loop->is_stopping) {
        rc = coil__loop_iterate(loop, COIL_NEVER);
    }
    if (loop->is_forked) {
        return -COIL_EFORKED;
    }
    if (rc == 0) {
        rc = run->main ? -COIL_ESTOPPED : run->rc;
    }
    loop->is_stopping = false;
    end_rc = end_all(loop); /* also after an error of the backend: it may be a passing one */
    if (end_rc < 0) {
        give_up_main(run);
        return end_rc;
    }
    return loop->is_deadlocked ? -EDEADLK : rc;
}

static int start_main(struct run *run, const struct coil_run_options *options, coil_task_fn fn,
                      void *arg)
{
    struct coil_task_options task_options = {
        .name = "main",
        .stack_size = options->main_stack_size ? options->main_stack_size : MAIN_STACK,
    };

    run->owner.child_done = main_done;
    run->main = coil__task_create_in(run->loop, &task_options, fn, arg);
    return run->main ? coil__task_adopt(run->main, &run->owner, 0) : -ENOMEM;
}

/* Runs what start_main has made, with everything around it that the run needs. */
static int run_watched(struct run *run, bool ignores_sigint)
{
    struct coil_loop *loop = run->loop;
    bool has_sigint;
    int rc;

    loop->on_interrupt = on_interrupt;
    loop->on_interrupt_user = run;
    loop->on_idle = coil__deadlock_look;
    loop->is_deadlocked = false;
    atomic_store(&loop->is_interrupted, false); /* one that came too late for the last run */
    has_sigint = !ignores_sigint && coil__interrupt_catch(&loop->is_interrupted, loop->backend);
    rc = run_main(run);
    if (has_sigint && !loop->is_forked) {
        coil__interrupt_release();
    }
    loop->on_idle = NULL;
    loop->on_interrupt = NULL;
    return rc;
}

static int run_in(struct coil_loop *loop, const struct coil_run_options *options, coil_task_fn fn,
                  void *arg)
{
    static const struct coil_run_options defaults = {0};
    struct run run = {.loop = loop};
    struct coil__aids aids;
    int rc;

    options = options ? options : &defaults;
    rc = coil__loop_enter(loop);
    if (rc < 0) {
        return rc;
    }
    rc = coil__aids_open(loop, options, &aids);
    if (rc == 0) {
        rc = start_main(&run, options, fn, arg);
        if (rc == 0) {
            rc = run_watched(&run, options->ignore_sigint);
        }
        coil__aids_close(loop, &aids);
    }
    if (loop->is_forked) {
        return -COIL_EFORKED; /* the thread's state is the child's own by now */
    }
    coil__loop_leave(loop);
    return rc == -ECANCELED && run.was_interrupted && !run.was_cancelled ? -EINTR : rc;
}

int coil_run_in(struct coil_loop *loop, const struct coil_run_options *options, coil_task_fn fn,
                void *arg)
{
    if (!fn || !loop) {
        return -EINVAL;
    }
    loop->is_handed_out = true;
    return run_in(loop, options, fn, arg);
}

int coil_run_with(const struct coil_run_options *options, coil_task_fn fn, void *arg)
{
    struct coil_loop *loop;
    int free_rc;
    int rc;

    if (!fn) {
        return -EINVAL;
    }
    if (coil__thread.loop) {
        return coil__misuse_told(-COIL_ENESTED, "coil_run was called inside a running loop: create "
                                                "a task and await it instead");
    }
    rc = coil_loop_new(options ? &options->loop : NULL, &loop);
    if (rc < 0) {
        return rc;
    }
    rc = run_in(loop, options, fn, arg);
    free_rc = rc == -COIL_EFORKED && loop->is_forked ? coil_loop_free_after_fork(loop)
                                                     : coil_loop_free(loop);
    return rc < 0 ? rc : free_rc < 0 ? free_rc : rc;
}

int coil_run(coil_task_fn fn, void *arg)
{
    return coil_run_with(NULL, fn, arg);
}
