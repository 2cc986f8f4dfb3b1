/* console_subject.c - a program with a console, for test_console.py: does what its input says.
 *
 *     console_subject [TOKEN]
 *
 *     name TEXT       a task of this name waits for an event
 *     lock            one task holds a lock, another waits for it, a third awaits that
 *     sleep NUMBER    so many tasks sleep
 *     stall MS        the loop is held up for so long, half of it computing
 *     end             cancels what there is, and ends
 *
 * Says "ready URL" first, and "done" after each line.
 */
#include <coil.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct coil_lock lock;
static struct coil_event never;

static void start(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name, .site = COIL_HERE};

    coil_detach(coil_task_create(&options, fn, arg));
}

static int wait_for_event(void *arg)
{
    (void)arg;
    return coil_event_wait(&never);
}

static int wait_for_lock(void *arg)
{
    int rc = coil_lock_acquire(&lock);

    if (rc == 0) {
        rc = coil_event_wait(arg);
        coil_lock_release(&lock);
    }
    return rc;
}

static int await_second(void *arg)
{
    (void)arg;
    return coil_await(coil_create_task(wait_for_lock, &never));
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return coil_sleep(COIL_NEVER);
}

static __attribute__((noinline)) void hold_up_the_loop(long ms)
{
    struct timespec half = {.tv_sec = ms / 2000, .tv_nsec = ms % 2000 * 500000};
    clock_t end = clock() + ms * CLOCKS_PER_SEC / 2000;

    while (clock() < end) {
    }
    nanosleep(&half, NULL);
}

static int stall(void *arg)
{
    const long *ms = arg;

    hold_up_the_loop(*ms);
    return 0;
}

static void obey(char *line)
{
    char *word = strtok(line, " \n");
    char *rest = strtok(NULL, "\n");
    long number = rest ? strtol(rest, NULL, 10) : 0;

    if (word && strcmp(word, "name") == 0) {
        start(rest, wait_for_event, NULL);
    } else if (word && strcmp(word, "lock") == 0) {
        start("holder", wait_for_lock, &never);
        coil_yield();
        start("awaiter", await_second, NULL);
    } else if (word && strcmp(word, "sleep") == 0) {
        for (long i = 0; i < number; i++) {
            start(NULL, sleep_for_ever, NULL);
        }
    } else if (word && strcmp(word, "stall") == 0) {
        struct coil_task_options options = {.name = "staller", .copy_size = sizeof number};

        coil_detach(coil_task_create(&options, stall, &number));
        coil_yield();
    }
    coil_yield();
}

/* Lines come by a thread, which is there on every backend. */
static int read_line(void *arg)
{
    return fgets(arg, 200, stdin) ? 1 : 0;
}

static int amain(void *arg)
{
    struct coil_console_options options = {.token = arg};
    char url[COIL_CONSOLE_URL];
    char line[200];
    int rc = coil_console_start_with(arg ? "0.0.0.0:0" : NULL, &options);

    if (rc < 0) {
        fprintf(stderr, "console_subject: %s\n", coil_strerror(rc));
        return rc;
    }
    coil_console_get_url(url, sizeof url);
    printf("ready %s\n", url);
    fflush(stdout);
    while (coil_to_thread(read_line, line) == 1 && strncmp(line, "end", 3) != 0) {
        obey(line);
        printf("done\n");
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    return coil_run(amain, argc > 1 ? argv[1] : NULL) < 0;
}
