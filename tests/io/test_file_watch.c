/* To be told when files change. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"

enum { MANY = 300 };

static int open_watch(struct coil_file_watch *watch, const char *path, unsigned changes)
{
    int id;

    *watch = (struct coil_file_watch){.fd_ = 0};
    CHECK_OK(coil_file_watch_open(watch));
    id = coil_file_watch_add(watch, path, changes);
    CHECK_OK(id);
    return id;
}

/* A fault may have kept it from ever coming. */
static struct coil_file_event next(struct coil_file_watch *watch)
{
    struct coil_file_event event = {.name = ""};
    int rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = coil_file_watch_next(watch, &event);
    }
    CHECK_OK(rc);
    return event;
}

/* There is nothing more to be told. */
static void check_quiet(struct coil_file_watch *watch)
{
    struct coil_file_event event;
    int rc = 0;

    coil_timeout(COIL_MSEC) {
        rc = coil_file_watch_next(watch, &event);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
}

static void check_event(struct coil_file_watch *watch, int id, unsigned changes, const char *name)
{
    struct coil_file_event event = next(watch);

    CHECK_INT(event.id, ==, id);
    CHECK_INT(event.changes, ==, changes);
    CHECK_STR(event.name, name);
}

/* --- what is told --- */

TASK_TEST(file_watch_tells_what_happens_in_a_directory)
{
    struct coil_file_watch watch;
    struct coil_file_event from;
    struct coil_file_event to;
    const char *folder = test_temp_dir();
    int id = open_watch(&watch, folder, COIL_FILE_ALL_CHANGES);
    int fd = open(path_of("a").text, O_WRONLY | O_CREAT, 0600);

    check_event(&watch, id, COIL_FILE_CREATED, "a");
    CHECK_INT(write(fd, "x", 1), ==, 1);
    check_event(&watch, id, COIL_FILE_MODIFIED, "a");
    close(fd);
    check_event(&watch, id, COIL_FILE_WRITTEN, "a");
    CHECK_INT(chmod(path_of("a").text, 0400), ==, 0);
    check_event(&watch, id, COIL_FILE_ATTRIBUTES, "a");
    CHECK_INT(rename(path_of("a").text, path_of("b").text), ==, 0);
    from = next(&watch);
    CHECK_INT(from.changes, ==, COIL_FILE_MOVED_FROM);
    CHECK_STR(from.name, "a");
    to = next(&watch);
    CHECK_INT(to.changes, ==, COIL_FILE_MOVED_TO);
    CHECK_STR(to.name, "b");
    CHECK_INT(to.cookie, ==, from.cookie);
    CHECK_INT(to.cookie, !=, 0);
    CHECK_INT(unlink(path_of("b").text), ==, 0);
    check_event(&watch, id, COIL_FILE_DELETED, "b");
    CHECK_INT(mkdir(path_of("d").text, 0700), ==, 0);
    check_event(&watch, id, COIL_FILE_CREATED | COIL_FILE_IS_DIRECTORY, "d");
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

TASK_TEST(file_watch_tells_what_happens_to_a_file)
{
    struct path path = make_text("file", "x");
    struct coil_file_watch watch;
    int id = open_watch(&watch, path.text, COIL_FILE_SELF_DELETED | COIL_FILE_SELF_MOVED);

    CHECK_INT(rename(path.text, path_of("other").text), ==, 0);
    check_event(&watch, id, COIL_FILE_SELF_MOVED, "");
    CHECK_INT(unlink(path_of("other").text), ==, 0);
    check_event(&watch, id, COIL_FILE_SELF_DELETED, "");
    check_event(&watch, id, COIL_FILE_GONE, "");
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

TASK_TEST(file_watch_knows_several_apart)
{
    struct path one = make_text("one", "");
    struct path two = make_text("two", "");
    struct coil_file_watch watch;
    int id_one = open_watch(&watch, one.text, COIL_FILE_MODIFIED);
    int id_two = coil_file_watch_add(&watch, two.text, COIL_FILE_MODIFIED);

    CHECK_INT(id_two, !=, id_one);
    make_text("two", "x");
    check_event(&watch, id_two, COIL_FILE_MODIFIED, "");
    make_text("one", "x");
    check_event(&watch, id_one, COIL_FILE_MODIFIED, "");
    CHECK_INT(coil_file_watch_add(&watch, one.text, COIL_FILE_ATTRIBUTES), ==, id_one);
    CHECK_OK(coil_file_watch_remove(&watch, id_two));
    CHECK_ERR(coil_file_watch_remove(&watch, id_two), -EINVAL);
    while (next(&watch).changes != COIL_FILE_GONE && !test_has_noticed()) {
    }
    make_text("one", "y");
    make_text("two", "y");
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

/* More than one batch, in order, none lost. */
TASK_TEST(file_watch_keeps_the_order_of_many)
{
    struct coil_file_watch watch;
    int id = open_watch(&watch, test_temp_dir(), COIL_FILE_CREATED);
    char name[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        CHECK_INT(mkdir(path_of(name).text, 0700), ==, 0);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        check_event(&watch, id, COIL_FILE_CREATED | COIL_FILE_IS_DIRECTORY, name);
    }
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

/* The system's queue has a bound: what does not fit is told as such. */
TASK_TEST(file_watch_overflow_is_an_event)
{
    struct path paths[2] = {make_text("a", ""), make_text("b", "")};
    struct coil_file_watch watch;
    struct coil_file_event event;
    long bound = 0;
    long count = 0;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

    CHECK(file && fscanf(file, "%ld", &bound) == 1);
    if (file) {
        fclose(file);
    }
    if (bound > 100000) {
        test_skip("the queue is too long to be filled");
    }
    open_watch(&watch, paths[0].text, COIL_FILE_ATTRIBUTES);
    CHECK_OK(coil_file_watch_add(&watch, paths[1].text, COIL_FILE_ATTRIBUTES));
    for (long i = 0; i < bound + 10; i++) { /* in turn: equal ones in a row become one */
        CHECK_INT(chmod(paths[i % 2].text, 0600), ==, 0);
    }
    do {
        event = next(&watch);
        count++;
    } while (event.changes != COIL_FILE_OVERFLOW && !test_has_noticed());
    CHECK_INT(event.id, ==, -1);
    CHECK_INT(count, ==, bound + 1);
    CHECK_INT(chmod(paths[0].text, 0600), ==, 0); /* it goes on */
    CHECK_INT(next(&watch).changes, ==, COIL_FILE_ATTRIBUTES);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

/* --- waiting, cancel --- */

struct waiter {
    struct coil_file_watch *watch;
    struct coil_file_event event;
    int rc;
};

static int wait_for_event(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = coil_file_watch_next(waiter->watch, &waiter->event);
    return 0;
}

TASK_TEST(file_watch_waits_for_one_task)
{
    struct coil_file_watch watch;
    int id = open_watch(&watch, test_temp_dir(), COIL_FILE_CREATED);
    struct waiter waiter = {.watch = &watch};
    struct coil_task *task = coil_create_task(wait_for_event, &waiter);
    struct coil_file_event event;

    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    CHECK_ERR(coil_file_watch_next(&watch, &event), -COIL_ECONCURRENT);
    CHECK_ERR(coil_file_watch_close(&watch), -EBUSY);
    make_text("new", "");
    CHECK_OK(coil_await(task));
    CHECK_OK(waiter.rc);
    CHECK_INT(waiter.event.id, ==, id);
    CHECK_STR(waiter.event.name, "new");
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

/* An event and a cancel at the same time: it is told now or by the next call. */
TASK_TEST(file_watch_cancel_race_loses_no_event)
{
    struct coil_file_watch watch;
    char name[32];

    open_watch(&watch, test_temp_dir(), COIL_FILE_CREATED);
    for (int i = 0; i < 300; i++) {
        struct waiter waiter = {.watch = &watch, .rc = -ECANCELED}; /* it may never begin */
        struct coil_task *task = coil_create_task(wait_for_event, &waiter);

        yield_times(i % 4);
        snprintf(name, sizeof name, "file-%d", i);
        make_text(name, "");
        yield_times(i / 4 % 5);
        coil_cancel(task);
        coil_await(task);
        if (waiter.rc < 0) {
            CHECK_ERR(waiter.rc, -ECANCELED);
            waiter.event = next(&watch);
        }
        CHECK_STR(waiter.event.name, name);
    }
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

ONE_THREAD_TEST(file_watch_add_while_the_pool_is_full)
{
    struct coil_file_watch watch = {0};
    struct holder holder;
    int rc = 0;

    CHECK_OK(coil_file_watch_open(&watch));
    hold_pool(&holder);
    coil_timeout(COIL_MSEC) {
        rc = coil_file_watch_add(&watch, test_temp_dir(), COIL_FILE_CREATED);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    free_pool(&holder);
    make_text("new", "");
    check_quiet(&watch);
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

/* --- errors --- */

TASK_TEST(file_watch_errors)
{
    struct coil_file_watch watch = {0};
    struct coil_file_event event;

    CHECK_ERR(coil_file_watch_next(&watch, &event), -COIL_ECLOSED);
    CHECK_ERR(coil_file_watch_add(&watch, "/", COIL_FILE_CREATED), -COIL_ECLOSED);
    CHECK_ERR(coil_file_watch_remove(&watch, 1), -COIL_ECLOSED);
    CHECK_OK(coil_file_watch_close(&watch));
    fault_syscall_named("inotify_init1", 1, EMFILE);
    CHECK_ERR(coil_file_watch_open(&watch), -EMFILE);
    fault_off();
    CHECK_OK(coil_file_watch_open(&watch));
    CHECK_ERR(coil_file_watch_open(&watch), -EBUSY);
    CHECK_ERR(coil_file_watch_add(&watch, path_of("absent").text, COIL_FILE_CREATED), -ENOENT);
    CHECK_ERR(coil_file_watch_add(&watch, "/", 0), -EINVAL);
    CHECK_ERR(coil_file_watch_add(&watch, "/", COIL_FILE_OVERFLOW), -EINVAL);
    CHECK_ERR(coil_file_watch_add(&watch, NULL, COIL_FILE_CREATED), -EINVAL);
    fault_syscall_named("inotify_add_watch", 1, ENOSPC);
    CHECK_ERR(coil_file_watch_add(&watch, "/", COIL_FILE_CREATED), -ENOSPC);
    fault_off();
    CHECK_ERR(coil_file_watch_next(&watch, NULL), -EINVAL);
    CHECK_ERR(coil_file_watch_remove(&watch, 77), -EINVAL);
    CHECK_ERR(coil_file_watch_open(NULL), -EINVAL);
    CHECK_ERR(coil_file_watch_add(NULL, "/", COIL_FILE_CREATED), -EINVAL);
    CHECK_ERR(coil_file_watch_next(NULL, &event), -EINVAL);
    CHECK_ERR(coil_file_watch_remove(NULL, 1), -EINVAL);
    CHECK_ERR(coil_file_watch_close(NULL), -EINVAL);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_file_watch_next(&watch, &event), -ECANCELED);
    CHECK_ERR(coil_file_watch_add(&watch, "/", COIL_FILE_CREATED), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    CHECK_OK(coil_file_watch_close(&watch));
    CHECK_OK(coil_file_watch_close(&watch));
    return 0;
}

COIL_TEST(file_watch_outside_of_a_loop)
{
    struct coil_file_watch watch = {0};
    struct coil_file_event event;

    CHECK_OK(coil_file_watch_open(&watch));
    CHECK_ERR(coil_file_watch_next(&watch, &event), -COIL_ENOLOOP);
    CHECK_ERR(coil_file_watch_add(&watch, "/", COIL_FILE_CREATED), -COIL_ENOLOOP);
    CHECK_OK(coil_file_watch_close(&watch));
}

static int use_watch(void *arg)
{
    struct coil_file_watch watch = {0};
    struct coil_file_event event;

    (void)arg;
    if (coil_file_watch_open(&watch) == 0) {
        if (coil_file_watch_add(&watch, test_temp_dir(), COIL_FILE_ATTRIBUTES) >= 0) {
            chmod(test_temp_dir(), 0700);
            coil_file_watch_next(&watch, &event);
        }
        CHECK_OK(coil_file_watch_close(&watch));
    }
    return 0;
}

static void run_use_watch(void *arg)
{
    coil_run(use_watch, arg);
}

COIL_TEST_LIMIT(file_watch_torture, 120)
{
    test_temp_dir();
    torture(run_use_watch, NULL);
}
