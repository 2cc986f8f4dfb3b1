/* lost_error.c - errors that nobody looks at: of a task, and of a future.
 *
 * A task that fails after it was detached is reported always; here debug mode adds who has
 * created it. An error in a future is reported in debug mode, when the loop ends and nobody has
 * read it.
 */
#include <coil.h>
#include <errno.h>
#include <stdio.h>

static struct coil_future answer;

static int save(void *arg)
{
    (void)arg;
    return -ENOSPC;
}

static void save_in_background(void)
{
    struct coil_task *task = coil_create_task(save, NULL);

    coil_task_set_name(task, "save");
    coil_detach(task);
}

static void give_up(void)
{
    coil_future_set(&answer, -ECONNREFUSED);
}

static int amain(void *arg)
{
    (void)arg;
    save_in_background();
    give_up();
    coil_sleep(1 * COIL_MSEC);
    /* Missing: coil_future_wait(&answer), or coil_future_result. */
    return 0;
}

int main(void)
{
    return coil_run(amain, NULL) < 0;
}
