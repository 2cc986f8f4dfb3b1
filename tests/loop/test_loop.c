/* The loop by itself: iterations, callbacks, timers, stopping, embedding (A1 to A7). */
#include "in_task.h"

#include <poll.h>
#include <pthread.h>

static struct coil_loop *new_loop(void)
{
    struct coil_loop *loop = NULL;

    CHECK_OK(coil_loop_new(NULL, &loop));
    return loop;
}

/* Callbacks that write their letter into one string. */
static char written[100];

struct letter {
    struct coil_handle handle;
    char letter;
};

static void write_letter(void *user)
{
    const struct letter *letter = user;
    size_t size = strlen(written);

    CHECK_INT(size + 1, <, sizeof written);
    written[size] = letter->letter;
    written[size + 1] = '\0';
}

static void stop(void *user)
{
    CHECK_OK(coil_loop_stop(user));
}

/* --- what is there --- */

COIL_TEST(loop_tells_its_backend)
{
    struct coil_loop *loop = new_loop();

    CHECK_STR(coil_loop_backend(loop), test_backend());
    CHECK_PTR(coil_loop_backend(NULL), ==, NULL);
    CHECK_PTR(coil_loop_current(), ==, NULL);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(loop_options_are_checked)
{
    struct coil_loop_options bad_backend = {.backend = "abacus"};
    struct coil_loop_options bad_stack = {.stack_size = SIZE_MAX / 2};
    struct coil_loop *loop;

    CHECK_ERR(coil_loop_new(&bad_backend, &loop), -COIL_EBACKEND);
    CHECK_ERR(coil_loop_new(&bad_stack, &loop), -EINVAL);
    CHECK_ERR(coil_loop_new(NULL, NULL), -EINVAL);
}

COIL_TEST(loop_clock_goes_forward)
{
    struct coil_loop *loop = new_loop();
    int64_t before = coil_loop_now(loop);

    CHECK_OK(coil_loop_run_once(loop, COIL_MSEC));
    CHECK_INT(coil_loop_now(loop), >=, before);
    CHECK_INT(coil_now(), >, 0);
    CHECK_OK(coil_loop_free(loop));
}

/* --- call_soon (A2) --- */

COIL_TEST(call_soon_is_in_order_and_once)
{
    struct letter letters[3] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};
    struct coil_loop *loop = new_loop();

    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_call_soon(loop, &letters[i].handle, write_letter, &letters[i]));
        CHECK(coil_handle_is_pending(&letters[i].handle));
    }
    CHECK_INT(coil_loop_next_deadline(loop), ==, 0);
    CHECK_OK(coil_loop_run_once(loop, COIL_NEVER));
    if (order_is_free()) {
        CHECK_INT(strlen(written), ==, 3);
    } else {
        CHECK_STR(written, "abc");
    }
    CHECK(!coil_handle_is_pending(&letters[0].handle));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(strlen(written), ==, 3);
    CHECK_INT(coil_loop_next_deadline(loop), ==, COIL_NEVER);
    CHECK_OK(coil_loop_free(loop));
}

static struct coil_loop *current;

static void write_and_repeat(void *user)
{
    struct letter *letter = user;

    write_letter(user);
    CHECK_OK(coil_call_soon(coil_loop_current(), &letter->handle, write_and_repeat, user));
}

/* A1: exactly what was ready when the iteration began runs in it. */
COIL_TEST(iteration_runs_what_was_ready)
{
    struct letter letter = {.letter = 'x'};

    current = new_loop();
    CHECK_OK(coil_call_soon(current, &letter.handle, write_and_repeat, &letter));
    for (int i = 1; i <= 5; i++) {
        CHECK_OK(coil_loop_run_once(current, COIL_NEVER));
        CHECK_INT(strlen(written), ==, i);
    }
    CHECK(coil_handle_cancel(&letter.handle));
    CHECK_OK(coil_loop_free(current));
}

/* A1: a callback that always repeats itself keeps neither timers nor I/O from being served. */
COIL_TEST(iteration_serves_timers_beside_busy_callbacks)
{
    struct letter busy = {.letter = 'x'};
    struct letter timed = {.letter = 't'};
    struct coil_loop *loop = new_loop();

    CHECK_OK(coil_call_soon(loop, &busy.handle, write_and_repeat, &busy));
    CHECK_OK(coil_call_at(loop, &timed.handle, 1, write_letter, &timed));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_CONTAINS(written, "t");
    CHECK(coil_handle_cancel(&busy.handle));
    CHECK_OK(coil_loop_free(loop));
}

/* --- timers (A2) --- */

COIL_TEST(call_at_is_in_order_of_time)
{
    struct letter letters[4] = {{.letter = 'd'}, {.letter = 'b'}, {.letter = 'c'}, {.letter = 'a'}};
    static const int64_t delays[4] = {4, 2, 3, 1};
    struct coil_loop *loop = new_loop();
    int64_t start = coil_loop_now(loop);

    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_call_at(loop, &letters[i].handle, start + delays[i] * COIL_MSEC, write_letter,
                              &letters[i]));
        CHECK_INT(coil_handle_when(&letters[i].handle), ==, start + delays[i] * COIL_MSEC);
    }
    CHECK_INT(coil_loop_next_deadline(loop), ==, start + COIL_MSEC);
    while (strlen(written) < 4) {
        CHECK_OK(coil_loop_run_once(loop, COIL_NEVER));
    }
    CHECK_STR(written, "abcd");
    CHECK_INT(coil_loop_now(loop), >=, start + 4 * COIL_MSEC);
    CHECK_OK(coil_loop_free(loop));
}

/* Other than asyncio's (A2): equal times are in the order of the calls. */
COIL_TEST(call_at_keeps_the_order_of_equal_times)
{
    struct letter letters[20] = {0};
    struct coil_loop *loop = new_loop();
    int64_t when = coil_loop_now(loop) + COIL_MSEC;

    if (order_is_free()) {
        test_skip("the order of what is ready is the seed's");
    }
    for (int i = 0; i < 20; i++) {
        letters[i].letter = (char)('a' + i);
        CHECK_OK(coil_call_at(loop, &letters[i].handle, when, write_letter, &letters[i]));
    }
    while (strlen(written) < 20) {
        CHECK_OK(coil_loop_run_once(loop, COIL_NEVER));
    }
    CHECK_STR(written, "abcdefghijklmnopqrst");
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(call_later_waits_for_its_time)
{
    struct letter letter = {.letter = 'a'};
    struct letter negative = {.letter = 'n'};
    struct coil_loop *loop = new_loop();
    int64_t span = 10 * test_moment_ns();
    int64_t start = coil_loop_now(loop);

    CHECK_OK(coil_call_later(loop, &letter.handle, span, write_letter, &letter));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_STR(written, "");
    CHECK_OK(coil_call_later(loop, &negative.handle, -5, write_letter, &negative));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_STR(written, "n");
    while (written[1] == '\0') {
        CHECK_OK(coil_loop_run_once(loop, COIL_NEVER));
    }
    CHECK_STR(written, "na");
    CHECK_INT(coil_loop_now(loop), >=, start + span);
    CHECK_OK(coil_loop_free(loop));
}

/* --- handles --- */

static void cancel_other(void *user)
{
    struct letter *other = user;

    CHECK(coil_handle_cancel(&other->handle));
}

COIL_TEST(handle_cancelled_is_not_called)
{
    struct letter letters[3] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};
    struct coil_loop *loop = new_loop();

    CHECK_OK(coil_call_soon(loop, &letters[0].handle, write_letter, &letters[0]));
    CHECK_OK(coil_call_soon(loop, &letters[1].handle, write_letter, &letters[1]));
    CHECK_OK(coil_call_at(loop, &letters[2].handle, 1, write_letter, &letters[2]));
    CHECK(coil_handle_cancel(&letters[0].handle));
    CHECK(!coil_handle_cancel(&letters[0].handle));
    CHECK(coil_handle_cancel(&letters[2].handle));
    CHECK(!coil_handle_is_pending(&letters[2].handle));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_STR(written, "b");
    CHECK_OK(coil_call_soon(loop, &letters[0].handle, write_letter, &letters[0])); /* anew */
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_STR(written, "ba");
    CHECK_OK(coil_loop_free(loop));
}

/* Within one iteration, too: ready, but not yet called. */
COIL_TEST(handle_cancelled_in_its_iteration)
{
    struct letter letter = {.letter = 'a'};
    struct coil_handle canceller = {0};
    struct coil_loop *loop = new_loop();

    if (order_is_free()) {
        test_skip("the order of what is ready is the seed's");
    }
    CHECK_OK(coil_call_soon(loop, &canceller, cancel_other, &letter));
    CHECK_OK(coil_call_soon(loop, &letter.handle, write_letter, &letter));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_STR(written, "");
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(handle_misuse_is_named)
{
    struct letter letter = {.letter = 'a'};
    struct coil_handle idle = {0};
    struct coil_loop *loop = new_loop();

    CHECK_ERR(coil_call_soon(NULL, &idle, stop, NULL), -EINVAL);
    CHECK_ERR(coil_call_soon(loop, NULL, stop, NULL), -EINVAL);
    CHECK_ERR(coil_call_soon(loop, &idle, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_call_later(NULL, &idle, 1, stop, NULL), -EINVAL);
    CHECK_ERR(coil_call_at(loop, NULL, 1, stop, NULL), -EINVAL);
    CHECK_ERR(coil_call_soon_threadsafe(NULL, &idle, stop, NULL), -EINVAL);
    CHECK_OK(coil_call_soon(loop, &letter.handle, write_letter, &letter));
    CHECK_ERR(coil_call_soon(loop, &letter.handle, write_letter, &letter), -EINVAL);
    CHECK_ERR(coil_call_later(loop, &letter.handle, 1, write_letter, &letter), -EINVAL);
    CHECK(!coil_handle_cancel(&idle));
    CHECK(!coil_handle_cancel(NULL));
    CHECK(!coil_handle_is_pending(NULL));
    CHECK_INT(coil_handle_when(NULL), ==, 0);
    CHECK_OK(coil_loop_free(loop)); /* drops the pending one without calling it */
    CHECK_STR(written, "");
}

/* --- run and stop (A3) --- */

COIL_TEST(stop_lets_the_iteration_finish)
{
    struct letter letters[2] = {{.letter = 'a'}, {.letter = 'b'}};
    struct coil_handle stopper = {0};
    struct coil_loop *loop = new_loop();

    CHECK_OK(coil_call_soon(loop, &letters[0].handle, write_letter, &letters[0]));
    CHECK_OK(coil_call_soon(loop, &stopper, stop, loop));
    CHECK_OK(coil_call_soon(loop, &letters[1].handle, write_letter, &letters[1]));
    CHECK_OK(coil_loop_run(loop));
    CHECK_INT(strlen(written), ==, 2);
    CHECK_OK(coil_loop_free(loop));
}

/* A3: stopped before it runs: one iteration. */
COIL_TEST(stop_before_run_does_one_iteration)
{
    struct letter letter = {.letter = 'a'};
    struct coil_loop *loop = new_loop();

    CHECK_OK(coil_call_soon(loop, &letter.handle, write_letter, &letter));
    CHECK_OK(coil_loop_stop(loop));
    CHECK_OK(coil_loop_run(loop));
    CHECK_STR(written, "a");
    CHECK_ERR(coil_loop_stop(NULL), -EINVAL);
    CHECK_OK(coil_loop_free(loop));
}

static void free_inside(void *user)
{
    CHECK_ERR(coil_loop_free(user), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_loop_run(user), -COIL_ENESTED);
    CHECK_PTR(coil_loop_current(), ==, user);
}

/* A5 */
COIL_TEST(free_of_a_running_loop_is_refused)
{
    struct coil_handle handle = {0};
    struct coil_loop *loop = new_loop();

    CHECK_OK(coil_call_soon(loop, &handle, free_inside, loop));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_free(loop));
}

static int note_end(void *arg)
{
    *(int *)arg = coil_sleep(COIL_NEVER);
    return 0;
}

static void create(void *user)
{
    CHECK_OK(coil_detach(coil_create_task(note_end, user)));
}

COIL_TEST(free_ends_the_tasks_that_are_left)
{
    struct coil_handle handle = {0};
    struct coil_loop *loop = new_loop();
    int rc = 0;

    CHECK_OK(coil_call_soon(loop, &handle, create, &rc));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_free(loop));
    CHECK_ERR(rc, -ECANCELED);
}

/* --- threads (A6, A7) --- */

enum { THREADS = 4, CALLS = 500 };

struct caller {
    struct coil_loop *loop;
    struct coil_handle handles[CALLS];
    int next; /* the calls of one thread come in order */
    int *total;
};

struct call {
    struct caller *caller;
    int number;
};

static struct caller callers[THREADS];
static struct call calls[THREADS][CALLS];

static void arrive(void *user)
{
    struct call *call = user;

    if (!order_is_free()) {
        CHECK_INT(call->number, ==, call->caller->next);
    }
    call->caller->next++;
    if (++*call->caller->total == THREADS * CALLS) {
        CHECK_OK(coil_loop_stop(coil_loop_current()));
    }
}

static void *call_often(void *arg)
{
    struct caller *caller = arg;
    size_t index = (size_t)(caller - callers);

    for (int i = 0; i < CALLS; i++) {
        calls[index][i] = (struct call){caller, i};
        CHECK_OK(
            coil_call_soon_threadsafe(caller->loop, &caller->handles[i], arrive, &calls[index][i]));
    }
    return NULL;
}

COIL_TEST(threadsafe_calls_all_arrive)
{
    struct coil_loop *loop = new_loop();
    pthread_t threads[THREADS];
    int total = 0;

    for (int i = 0; i < THREADS; i++) {
        callers[i].loop = loop;
        callers[i].total = &total;
        CHECK_INT(pthread_create(&threads[i], NULL, call_often, &callers[i]), ==, 0);
    }
    CHECK_OK(coil_loop_run(loop));
    CHECK_INT(total, ==, THREADS * CALLS);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_OK(coil_loop_free(loop));
}

static void *misuse(void *arg)
{
    struct coil_loop *loop = arg;
    struct coil_handle handle = {0};

    CHECK_ERR(coil_call_soon(loop, &handle, stop, loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_call_later(loop, &handle, 1, stop, loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_run(loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_run_once(loop, 0), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_stop(loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_get_fd(loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_free(loop), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_set_wait_hooks(loop, NULL, NULL, NULL), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_set_error_handler(loop, NULL, NULL), -COIL_EWRONGTHREAD);
    CHECK_OK(coil_loop_wake(loop));
    return NULL;
}

/* A6 */
COIL_TEST(calls_from_another_thread_are_named)
{
    struct coil_loop *loop = new_loop();
    pthread_t thread;

    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(pthread_create(&thread, NULL, misuse, loop), ==, 0);
    pthread_join(thread, NULL);
    CHECK_OK(coil_loop_run_once(loop, COIL_NEVER)); /* the wake was not lost */
    CHECK_ERR(coil_loop_wake(NULL), -EINVAL);
    CHECK_OK(coil_loop_free(loop));
}

static void *run_and_free(void *arg)
{
    struct coil_loop *loop = arg;
    struct coil_handle handle = {0};

    CHECK_OK(coil_call_later(loop, &handle, COIL_MSEC, stop, loop));
    CHECK_OK(coil_loop_run(loop));
    CHECK_OK(coil_loop_free(loop));
    return NULL;
}

/* What is given to a thread must be freed there, or here if there is no thread. */
static void run_in_thread(void *(*fn)(void *arg), struct coil_loop *loop)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, fn, loop);

    CHECK_INT(rc, ==, 0);
    if (rc == 0) {
        pthread_join(thread, NULL);
    } else {
        fn(loop);
    }
}

/* DESIGN 2: it belongs to whoever uses it first, with what was sent to it before. */
COIL_TEST(loop_may_be_made_for_another_thread)
{
    struct letter letter = {.letter = 'a'};

    current = new_loop();
    CHECK_OK(coil_call_soon_threadsafe(current, &letter.handle, write_letter, &letter));
    CHECK_OK(coil_loop_wake(current));
    run_in_thread(run_and_free, current);
    CHECK_STR(written, "a");
}

COIL_TEST(loop_that_nobody_used_can_be_freed)
{
    CHECK_OK(coil_loop_free(new_loop()));
}

static void *free_unused(void *arg)
{
    CHECK_OK(coil_loop_free(arg));
    return NULL;
}

COIL_TEST(loop_that_nobody_used_can_be_freed_by_another_thread)
{
    run_in_thread(free_unused, new_loop());
}

/* --- embedding --- */

static void *call_once(void *arg)
{
    struct letter *letter = arg;

    CHECK_OK(coil_call_soon_threadsafe(current, &letter->handle, write_letter, letter));
    return NULL;
}

COIL_TEST(fd_becomes_readable_when_there_is_work)
{
    struct letter letter = {.letter = 'a'};
    struct pollfd pollfd = {.events = POLLIN};
    pthread_t thread;
    bool has_thread;

    current = new_loop();
    pollfd.fd = coil_loop_get_fd(current);
    if (test_backend_is("sim")) {
        CHECK_ERR(pollfd.fd, -ENOTSUP);
        CHECK_OK(coil_loop_free(current));
        return;
    }
    CHECK_OK(pollfd.fd);
    CHECK_OK(coil_loop_run_once(current, 0));
    CHECK_INT(poll(&pollfd, 1, 0), ==, 0);
    has_thread = pthread_create(&thread, NULL, call_once, &letter) == 0;
    CHECK(has_thread);
    CHECK_INT(poll(&pollfd, 1, has_thread ? 10000 : 0), ==, 1);
    if (has_thread) {
        pthread_join(thread, NULL);
    }
    CHECK_OK(coil_loop_run_once(current, 0));
    CHECK_STR(written, "a");
    CHECK_INT(poll(&pollfd, 1, 0), ==, 0);
    CHECK_OK(coil_loop_free(current));
}

struct hooks {
    int before;
    int after;
};

static void before_wait(void *user)
{
    struct hooks *hooks = user;

    CHECK_INT(hooks->before, ==, hooks->after);
    hooks->before++;
}

static void after_wait(void *user)
{
    ((struct hooks *)user)->after++;
}

COIL_TEST(hooks_surround_waits_that_may_block)
{
    struct coil_loop *loop = new_loop();
    struct letter letter = {.letter = 'a'};
    struct hooks hooks = {0};

    CHECK_OK(coil_loop_set_wait_hooks(loop, before_wait, after_wait, &hooks));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(hooks.before, ==, 0);
    CHECK_OK(coil_call_later(loop, &letter.handle, test_moment_ns(), write_letter, &letter));
    CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    CHECK_INT(hooks.before, >=, 1);
    CHECK_INT(hooks.after, ==, hooks.before);
    CHECK_ERR(coil_loop_set_wait_hooks(NULL, NULL, NULL, NULL), -EINVAL);
    CHECK_OK(coil_loop_set_wait_hooks(loop, NULL, NULL, NULL));
    CHECK_OK(coil_loop_run_once(loop, 1));
    CHECK_OK(coil_loop_free(loop));
}

/* Several loops in one thread, one after the other. */
COIL_TEST(loops_do_not_know_each_other)
{
    struct letter letters[2] = {{.letter = 'a'}, {.letter = 'b'}};
    struct coil_loop *a = new_loop();
    struct coil_loop *b = new_loop();

    CHECK_OK(coil_call_soon(a, &letters[0].handle, write_letter, &letters[0]));
    CHECK_OK(coil_call_soon(b, &letters[1].handle, write_letter, &letters[1]));
    CHECK_OK(coil_loop_run_once(b, 0));
    CHECK_STR(written, "b");
    CHECK_OK(coil_loop_run_once(a, 0));
    CHECK_STR(written, "ba");
    CHECK_OK(coil_loop_free(a));
    CHECK_OK(coil_loop_free(b));
}
