/* scrape.c - prints what a scrape of two loops would get, for test_scrape.py. */
#include <coil.h>

#include <stdio.h>
#include <stdlib.h>

static int nap(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        coil_sleep(i * COIL_MSEC);
    }
    return 0;
}

static int measure(void *arg)
{
    struct coil_task *tasks[10];

    for (int i = 0; i < 10; i++) {
        tasks[i] = coil_create_task(nap, NULL);
    }
    coil_gather(tasks, 10, NULL);
    return coil_loop_get_metrics(NULL, arg);
}

int main(void)
{
    struct coil_run_options timed = {.loop = {.backend = "sim", .metrics = true}};
    struct coil_run_options plain = {.loop = {.backend = "epoll"}};
    struct coil_metrics metrics[2];

    if (coil_run_with(&timed, measure, &metrics[0]) < 0 ||
        coil_run_with(&plain, measure, &metrics[1]) < 0) {
        return EXIT_FAILURE;
    }
    metrics[0].loop = "the \"first\" \\one\\\nof two";
    return coil_metrics_write_prometheus(metrics, 2, stdout) < 0;
}
