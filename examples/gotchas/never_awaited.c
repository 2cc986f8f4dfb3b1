/* never_awaited.c - a task is created, and then forgotten.
 *
 * When the first task ends the forgotten one is cancelled, wherever it is: what it was to do may be
 * done or not. Python's asyncio does the same without a word. In debug mode the report names the
 * task, the line that has created it, and who has called that.
 */
#include <coil.h>
#include <stdio.h>

static int send_invoice(void *arg)
{
    (void)arg;
    if (coil_sleep(1 * COIL_SEC) == 0) {
        puts("sent");
    }
    return 0;
}

static void place_order(void)
{
    struct coil_task *invoice = coil_create_task(send_invoice, NULL);

    coil_task_set_name(invoice, "invoice");
    /* Missing: coil_await, coil_detach, or a group that it is created in. */
}

static int amain(void *arg)
{
    (void)arg;
    place_order();
    return coil_sleep(1 * COIL_MSEC);
}

int main(void)
{
    return coil_run(amain, NULL) < 0;
}
