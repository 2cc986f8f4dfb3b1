/* console.c - something to look at: a small kitchen, and its live console.
 *
 *     console [ADDRESS]       default: 127.0.0.1:8080; then open the page in a browser
 *
 * Guests order and wait for their dish, cooks take orders from a queue and share one stove, and the
 * dishwasher does what one must not do in a task: every ten seconds it computes and sleeps without
 * giving way, so that everybody else stands still. The console goes on, shows the stall while it
 * lasts, and the line that is to blame. Ctrl-C closes the kitchen.
 */
#include <coil.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { GUESTS = 40, COOKS = 3 };

struct kitchen {
    struct coil_queue orders; /* of the numbers of guests */
    struct coil_event is_served[GUESTS];
    struct coil_lock stove;
    unsigned random;
    int served;
};

/* Somebody there. */
struct person {
    struct kitchen *kitchen;
    int number;
};

/* A number below bound. */
static unsigned pick(struct kitchen *kitchen, unsigned bound)
{
    kitchen->random = kitchen->random * 1664525u + 1013904223u;
    return (kitchen->random >> 16) % bound;
}

static struct coil_task *start(const char *role, int number, coil_task_fn fn,
                               struct kitchen *kitchen, const struct coil_site *site)
{
    struct person person = {kitchen, number};
    char name[32];
    struct coil_task_options options = {.name = name, .copy_size = sizeof person, .site = site};

    snprintf(name, sizeof name, "%s %d", role, number + 1);
    return coil_task_create(&options, fn, &person);
}

/* --- who works there --- */

static int fry(struct kitchen *kitchen)
{
    int rc = coil_lock_acquire(&kitchen->stove);

    if (rc == 0) {
        rc = coil_sleep((80 + pick(kitchen, 120)) * COIL_MSEC);
        coil_lock_release(&kitchen->stove);
    }
    return rc;
}

static int cook(void *arg)
{
    struct kitchen *kitchen = ((const struct person *)arg)->kitchen;
    int guest;
    int rc = 0;

    while (rc == 0 && (rc = coil_queue_get(&kitchen->orders, &guest)) == 0) {
        rc = coil_sleep(pick(kitchen, 60) * COIL_MSEC); /* cuts the onions */
        rc = rc < 0 ? rc : fry(kitchen);
        if (rc == 0) {
            kitchen->served++;
            coil_event_set(&kitchen->is_served[guest]);
        }
    }
    return rc;
}

static int eat(void *arg)
{
    const struct person *guest = arg;
    struct kitchen *kitchen = guest->kitchen;
    struct coil_event *is_served = &kitchen->is_served[guest->number];
    int rc = 0;

    while (rc == 0) {
        rc = coil_sleep(pick(kitchen, 8000) * COIL_MSEC); /* reads the menu */
        coil_event_clear(is_served);
        rc = rc < 0 ? rc : coil_queue_put(&kitchen->orders, &guest->number);
        rc = rc < 0 ? rc : coil_event_wait(is_served);
    }
    return rc;
}

/* The mistake: nobody else runs until this returns. */
static void scrub(long ms)
{
    struct timespec half = {.tv_nsec = ms * 500000};
    clock_t end;

    nanosleep(&half, NULL);
    end = clock() + ms * CLOCKS_PER_SEC / 2000;
    while (clock() < end) {
        for (volatile int i = 0; i < 1000000; i++) {
        }
    }
}

static int wash_dishes(void *arg)
{
    int rc;

    (void)arg;
    while ((rc = coil_sleep(10 * COIL_SEC)) == 0) {
        scrub(1500);
    }
    return rc;
}

/* --- the kitchen --- */

static int run_kitchen(struct kitchen *kitchen)
{
    struct coil_task *tasks[GUESTS + COOKS + 1];
    int count = 0;

    for (int i = 0; i < COOKS; i++) {
        tasks[count++] = start("cook", i, cook, kitchen, COIL_HERE);
    }
    for (int i = 0; i < GUESTS; i++) {
        tasks[count++] = start("guest", i, eat, kitchen, COIL_HERE);
    }
    tasks[count++] = start("dishwasher", 0, wash_dishes, kitchen, COIL_HERE);
    return coil_gather(tasks, (size_t)count, NULL);
}

static int amain(void *arg)
{
    struct kitchen kitchen = {.random = 1};
    char url[COIL_CONSOLE_URL];
    int rc = coil_console_start(arg);

    if (rc < 0) {
        fprintf(stderr, "console: %s: %s\n", (const char *)arg, coil_strerror(rc));
        return rc;
    }
    coil_console_get_url(url, sizeof url);
    printf("The console is at %s\n", url);
    fflush(stdout);
    rc = coil_queue_init(&kitchen.orders, sizeof(int), 20);
    if (rc == 0) {
        rc = run_kitchen(&kitchen);
        coil_queue_deinit(&kitchen.orders);
    }
    printf("%d dishes were served\n", kitchen.served);
    return rc;
}

int main(int argc, char **argv)
{
    static char usual[] = "127.0.0.1:8080";
    int rc = coil_run(amain, argc > 1 ? argv[1] : usual);

    return rc < 0 && rc != -EINTR;
}
