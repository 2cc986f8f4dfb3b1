/* gather.c - a hundred fetches of one second each, in one second. README.md prints it as it stands
 * here, spacing included, so clang-format is to leave it alone. */
/* clang-format off */
#include <coil.h>
#include <stdio.h>

static int fetch_data(void *arg)
{
    const char *url = arg;
    printf("Fetching %s\n", url);
    coil_sleep(1 * COIL_SEC);              /* waits; the other 99 run */
    printf("Done with %s\n", url);
    return 0;
}

static int amain(void *arg)
{
    struct coil_task *tasks[100];
    char url[100][16];
    for (int i = 0; i < 100; i++) {
        snprintf(url[i], sizeof url[i], "site%d.com", i);
        tasks[i] = coil_create_task(fetch_data, url[i]);
    }
    int rc = coil_gather(tasks, 100, NULL);
    printf("Got %d results\n", 100);
    return rc;
}

int main(void) { return coil_run(amain, NULL) < 0; }
