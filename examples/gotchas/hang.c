/* hang.c - a program that hangs, and not by a deadlock: an answer is awaited that could still come.
 *
 * The one who awaits it has the lock that another one needs. From inside there is nothing wrong
 * to be found; `coil pstree PID`, from outside, names both, and the line where each waits.
 */
#include <coil.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct coil_lock ledger;
static int service; /* a socket; its other end never answers */

static int ask(char *answer, size_t size)
{
    return (int)coil_recv(service, answer, size, 0);
}

static int report(void *arg)
{
    char answer[64];
    int rc = 0;

    (void)arg;
    coil_with_lock(&ledger)
    {
        rc = ask(answer, sizeof answer); /* no timeout: that is the mistake */
    }
    return rc;
}

static int billing(void *arg)
{
    (void)arg;
    coil_with_lock(&ledger)
    {
        puts("billed");
    }
    return 0;
}

static int amain(void *arg)
{
    struct coil_task *tasks[2] = {coil_create_task(report, NULL), coil_create_task(billing, NULL)};

    (void)arg;
    coil_task_set_name(tasks[0], "report");
    coil_task_set_name(tasks[1], "billing");
    return coil_gather(tasks, 2, NULL);
}

int main(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        return 1;
    }
    service = ends[0];
    printf("coil pstree %d\n", (int)getpid());
    fflush(stdout);
    return coil_run(amain, NULL) < 0;
}
