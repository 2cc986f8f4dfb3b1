/* deadlock.c - two tasks take two locks in opposite orders, and wait for each other.
 *
 * Python's asyncio would hang here for ever, without a word. coil_run ends with -EDEADLK, after a
 * report that names the cycle, and the line where each task waits.
 */
#include <coil.h>
#include <stdio.h>

static struct coil_lock accounts;
static struct coil_lock journal;

static int transfer(void *arg)
{
    (void)arg;
    coil_with_lock(&accounts)
    {
        coil_sleep(1 * COIL_MSEC);
        coil_with_lock(&journal)
        {
            puts("transferred");
        }
    }
    return 0;
}

static int audit(void *arg)
{
    (void)arg;
    coil_with_lock(&journal)
    {
        coil_sleep(1 * COIL_MSEC);
        coil_with_lock(&accounts)
        {
            puts("audited");
        }
    }
    return 0;
}

static int amain(void *arg)
{
    struct coil_task *tasks[2] = {coil_create_task(transfer, NULL), coil_create_task(audit, NULL)};

    (void)arg;
    coil_task_set_name(tasks[0], "transfer");
    coil_task_set_name(tasks[1], "audit");
    return coil_gather(tasks, 2, NULL);
}

int main(void)
{
    int rc = coil_run(amain, NULL);

    printf("%s\n", coil_errname(rc));
    return rc < 0;
}
