/* stall.c - a task makes a blocking call, and nobody else can run meanwhile.
 *
 * Python's asyncio says so afterwards, in debug mode. Here the watchdog says it while the call
 * blocks, with the line that makes it, and what it took when it is over.
 */
#include <coil.h>
#include <stdio.h>
#include <unistd.h>

static void wait_for_printer(void)
{
    usleep(350 * 1000); /* coil_sleep would let the others run */
}

static int print_page(void *arg)
{
    (void)arg;
    wait_for_printer();
    puts("printed");
    return 0;
}

static int amain(void *arg)
{
    struct coil_task *page = coil_create_task(print_page, NULL);

    (void)arg;
    coil_task_set_name(page, "page");
    return coil_await(page);
}

int main(void)
{
    struct coil_run_options options = {.stall_limit_ns = 100 * COIL_MSEC};

    return coil_run_with(&options, amain, NULL) < 0;
}
