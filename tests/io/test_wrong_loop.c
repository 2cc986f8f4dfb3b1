/* What belongs to one loop is used in another one, of the same thread and of another thread: every
 * call answers with the named error, and in debug mode says so, with both loops. */
#include "reports.h"

#include <coil/datagram.h>
#include <coil/process.h>
#include <coil/signal.h>
#include <coil/watch.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* All of the first loop, which has used each of them. */
static struct {
    struct coil_loop *loop;
    struct coil_task *task;
    struct coil_lock lock;
    struct coil_event event;
    struct coil_future future;
    struct coil_semaphore semaphore;
    struct coil_condition condition;
    struct coil_barrier barrier;
    struct coil_group *group;
    struct coil_scope *scope;
    struct coil_queue queue;
    struct coil_channel channel;
    struct coil_signal_watch signals;
    struct coil_handle pending;
    struct coil_handle idle;
    struct coil_op op;
    struct coil_watch watch;
    struct coil_stream *streams[2];
    struct coil_datagram *datagram;
    struct coil_process *process;
    int pipe[2];
} w;

static char item[8];

static void nothing(void *user)
{
    (void)user;
}

static void nothing_done(struct coil_op *op)
{
    (void)op;
}

static void nothing_seen(struct coil_watch *watch, int events)
{
    (void)watch;
    (void)events;
}

/* --- the first loop --- */

static int nothing_to_do(void *arg)
{
    (void)arg;
    return 0;
}

static int wait_for_event(__attribute__((unused)) void *arg)
{
    return coil_event_wait(&w.event);
}

static int wait_for_future(__attribute__((unused)) void *arg)
{
    return coil_future_wait(&w.future);
}

static int wait_for_barrier(__attribute__((unused)) void *arg)
{
    return (int)coil_barrier_wait(&w.barrier);
}

static __attribute__((noinline)) int make_objects(__attribute__((unused)) void *arg)
{
    struct coil_group group;
    struct coil_scope scope;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    w.group = &group;
    w.scope = &scope;
    CHECK_OK(coil_lock_acquire(&w.lock));
    CHECK_OK(coil_condition_init(&w.condition, &w.lock));
    CHECK_OK(coil_semaphore_init(&w.semaphore, 2));
    CHECK_OK(coil_semaphore_acquire(&w.semaphore));
    CHECK_OK(coil_barrier_init(&w.barrier, 2));
    CHECK_OK(coil_queue_init(&w.queue, sizeof item, 4));
    CHECK_OK(coil_queue_put(&w.queue, item));
    CHECK_OK(coil_channel_init(&w.channel, sizeof item, 4));
    CHECK_OK(coil_channel_send(&w.channel, item));
    CHECK_OK(coil_detach(coil_create_task(wait_for_event, NULL)));
    CHECK_OK(coil_detach(coil_create_task(wait_for_future, NULL)));
    CHECK_OK(coil_detach(coil_create_task(wait_for_barrier, NULL)));
    CHECK_OK(coil_signal_open(&w.signals, (const int[]){SIGUSR1}, 1));
    CHECK_OK(coil_call_later(w.loop, &w.pending, COIL_MINUTE, nothing, NULL));
    CHECK_OK(coil_stream_pair(NULL, w.streams));
    if (!test_backend_is("sim")) {
        struct coil_address address;

        CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &address));
        CHECK_OK(coil_datagram_open(&address, NULL, NULL, &w.datagram));
        coil_op_poll(&w.op, w.pipe[0], POLLIN);
        CHECK_OK(coil_op_submit(w.loop, &w.op, nothing_done));
    }
    CHECK_OK(coil_process_spawn(NULL, (const char *const[]){"sleep", "60", NULL}, &w.process));
    yield_times(2);
    coil_sleep(COIL_NEVER);
    CHECK_ERR(coil_scope_close(&scope), 0);
    return coil_group_close(&group);
}

static void start_objects(void *user)
{
    (void)user;
    w.task = coil_create_task(make_objects, NULL);
}

static void make_first_loop(void)
{
    struct coil_loop_options options = {.debug = true};
    struct coil_handle start = {0};

    memset(&w, 0, sizeof w);
    CHECK(pipe(w.pipe) == 0);
    CHECK_OK(coil_loop_new(&options, &w.loop));
    CHECK_OK(coil_loop_set_error_handler(w.loop, keep_report, NULL));
    CHECK_OK(coil_call_soon(w.loop, &start, start_objects, NULL));
    for (int i = 0; i < 200; i++) {
        CHECK_OK(coil_loop_run_once(w.loop, 0));
    }
}

static void end_first_loop(void)
{
    reports.count = 0;
    CHECK_OK(coil_loop_free(w.loop));
    coil_queue_deinit(&w.queue);
    coil_channel_deinit(&w.channel);
    close(w.pipe[0]);
    close(w.pipe[1]);
}

/* --- the calls --- */

#define WRONG -COIL_EWRONGTHREAD

static bool always(void *user)
{
    (void)user;
    return true;
}

/* X(call, error in another loop of the thread, error in another thread) */
#define CALLS(X)                                                                                   \
    X(coil_lock_acquire(&w.lock), WRONG, WRONG)                                                    \
    X(coil_lock_try_acquire(&w.lock), WRONG, WRONG)                                                \
    X(coil_lock_release(&w.lock), WRONG, WRONG)                                                    \
    X(coil_event_set(&w.event), WRONG, WRONG)                                                      \
    X(coil_event_clear(&w.event), WRONG, WRONG)                                                    \
    X(coil_event_wait(&w.event), WRONG, WRONG)                                                     \
    X(coil_future_set(&w.future, 1), WRONG, WRONG)                                                 \
    X(coil_future_set_value(&w.future, 1, NULL), WRONG, WRONG)                                     \
    X(coil_future_cancel(&w.future), WRONG, WRONG)                                                 \
    X(coil_future_wait(&w.future), WRONG, WRONG)                                                   \
    X(coil_future_on_done(&w.future, &w.idle, nothing, NULL), WRONG, WRONG)                        \
    X(coil_semaphore_acquire(&w.semaphore), WRONG, WRONG)                                          \
    X(coil_semaphore_try_acquire(&w.semaphore), WRONG, WRONG)                                      \
    X(coil_semaphore_release(&w.semaphore), WRONG, WRONG)                                          \
    X(coil_condition_wait(&w.condition), WRONG, WRONG)                                             \
    X(coil_condition_wait_for(&w.condition, always, NULL), WRONG, WRONG)                           \
    X(coil_condition_notify(&w.condition, 1), WRONG, WRONG)                                        \
    X(coil_condition_notify_all(&w.condition), WRONG, WRONG)                                       \
    X(coil_barrier_wait(&w.barrier), WRONG, WRONG)                                                 \
    X(coil_barrier_reset(&w.barrier), WRONG, WRONG)                                                \
    X(coil_barrier_abort(&w.barrier), WRONG, WRONG)                                                \
    X(coil_queue_put(&w.queue, item), WRONG, WRONG)                                                \
    X(coil_queue_get(&w.queue, item), WRONG, WRONG)                                                \
    X(coil_queue_try_put(&w.queue, item), WRONG, WRONG)                                            \
    X(coil_queue_try_get(&w.queue, item), WRONG, WRONG)                                            \
    X(coil_queue_task_done(&w.queue), WRONG, WRONG)                                                \
    X(coil_queue_join(&w.queue), WRONG, WRONG)                                                     \
    X(coil_queue_shutdown(&w.queue, true), WRONG, WRONG)                                           \
    X(coil_channel_send(&w.channel, item), WRONG, WRONG)                                           \
    X(coil_channel_recv(&w.channel, item), WRONG, WRONG)                                           \
    X(coil_channel_try_send(&w.channel, item), WRONG, WRONG)                                       \
    X(coil_channel_try_recv(&w.channel, item), WRONG, WRONG)                                       \
    X(coil_channel_close(&w.channel), WRONG, WRONG)                                                \
    X(coil_signal_next(&w.signals), WRONG, WRONG)                                                  \
    X(coil_await(w.task), WRONG, WRONG)                                                            \
    X(coil_await_shielded(w.task), WRONG, WRONG)                                                   \
    X(coil_wait_for(w.task, 1), WRONG, WRONG)                                                      \
    X(coil_gather(&w.task, 1, NULL), WRONG, WRONG)                                                 \
    X(coil_wait(&w.task, 1, COIL_ALL_COMPLETED, 1), WRONG, WRONG)                                  \
    X(coil_group_spawn(w.group, nothing_to_do, NULL), WRONG, WRONG)                                \
    X(coil_stream_read(w.streams[0], item, 1), WRONG, WRONG)                                       \
    X(coil_stream_write(w.streams[0], item, 1), WRONG, WRONG)                                      \
    X(coil_stream_flush(w.streams[0]), WRONG, WRONG)                                               \
    X(coil_stream_write_eof(w.streams[0]), WRONG, WRONG)                                           \
    X(coil_stream_close(w.streams[0]), WRONG, WRONG)                                               \
    X(coil_stream_get_fd(w.streams[0]), WRONG, WRONG)                                              \
    X(coil_process_wait(w.process), WRONG, WRONG)                                                  \
    X(coil_process_pid(w.process), WRONG, WRONG)                                                   \
    X(coil_process_kill(w.process), WRONG, WRONG)                                                  \
    X(coil_process_close(w.process), WRONG, WRONG)                                                 \
    X(coil_loop_run(w.loop), -COIL_ENESTED, WRONG)                                                 \
    X(coil_loop_run_once(w.loop, 0), -COIL_ENESTED, WRONG)                                         \
    X(coil_loop_free(w.loop), -COIL_ENESTED, WRONG)

/* Those that any loop of the thread may make. */
#define THREAD_CALLS(X)                                                                            \
    X(coil_call_soon(w.loop, &w.idle, nothing, NULL), 0, WRONG)                                    \
    X(coil_call_later(w.loop, &w.idle, 1, nothing, NULL), 0, WRONG)                                \
    X(coil_call_at(w.loop, &w.idle, 1, nothing, NULL), 0, WRONG)                                   \
    X(coil_watch_start(w.loop, &w.watch, w.pipe[0], POLLIN, nothing_seen), 0, WRONG)               \
    X(coil_signal_close(&w.signals), 0, WRONG)                                                     \
    X(coil_loop_stop(w.loop), 0, WRONG)                                                            \
    X(coil_loop_get_fd(w.loop), 0, WRONG)                                                          \
    X(coil_loop_set_wait_hooks(w.loop, NULL, NULL, NULL), 0, WRONG)                                \
    X(coil_loop_set_error_handler(w.loop, NULL, NULL), 0, WRONG)                                   \
    X(coil_group_cancel(w.group), 0, WRONG)                                                        \
    X(coil_group_fail(w.group, -EIO), 0, WRONG)                                                    \
    X(coil_scope_cancel(w.scope), 0, WRONG)                                                        \
    X(coil_scope_reschedule(w.scope, COIL_NEVER), 0, WRONG)                                        \
    X(coil_detach(w.task), 0, WRONG)                                                               \
    X(coil_cancel(w.task), 0, WRONG)                                                               \
    X(coil_uncancel(w.task), 0, WRONG)                                                             \
    X(coil_cancelling(w.task), 0, WRONG)                                                           \
    X(coil_task_set_name(w.task, "maker"), 0, WRONG)                                               \
    X(coil_task_result(w.task), 0, WRONG)

/* Those that the simulated backend does not have. */
#define REAL_CALLS(X)                                                                              \
    X(coil_datagram_send(w.datagram, item, 1), WRONG, WRONG)                                       \
    X(coil_datagram_recv(w.datagram, item, 1), WRONG, WRONG)

static bool is_in_thread;
static int wrong_count;

/* One error, one sentence. */
static void look(const char *text, int64_t rc, int in_loop, int in_thread)
{
    int expected = is_in_thread ? in_thread : in_loop;
    const char *message = reports.list[0].message;
    bool is_named = expected != WRONG || strstr(message, " was used in loop ");

    if (rc != expected || reports.count != 1 || reports.list[0].error != expected || !is_named) {
        fprintf(stderr, "%s: %s, not %s; %d reports: %s\n", text, coil_errname((int)rc),
                coil_errname(expected), reports.count, message);
        wrong_count++;
    }
    reports.count = 0;
    memset(reports.list, 0, sizeof *reports.list);
}

#define LOOK(expr, in_loop, in_thread) look(#expr, (int64_t)(expr), in_loop, in_thread);

static int make_calls(__attribute__((unused)) void *arg)
{
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), keep_report, NULL));
    reports.count = 0;
    CALLS(LOOK)
    if (is_in_thread) {
        THREAD_CALLS(LOOK)
    }
    if (!test_backend_is("sim")) {
        REAL_CALLS(LOOK)
    }
    CHECK_INT(wrong_count, ==, 0);
    return 0;
}

static void *run_second_loop(void *arg)
{
    struct coil_run_options options = {.loop.debug = true};

    CHECK_ERR(coil_run_with(&options, make_calls, NULL), 0);
    return arg;
}

COIL_TEST_LIMIT(wrong_loop_of_the_thread, 60)
{
    make_first_loop();
    is_in_thread = false;
    run_second_loop(NULL);
    end_first_loop();
}

COIL_TEST_LIMIT(wrong_loop_of_another_thread, 60)
{
    pthread_t thread;

    make_first_loop();
    is_in_thread = true;
    CHECK_INT(pthread_create(&thread, NULL, run_second_loop, NULL), ==, 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    end_first_loop();
}

/* --- the words --- */

static int say_it(__attribute__((unused)) void *arg)
{
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), keep_report, NULL));
    reports.count = 0;
    CHECK_ERR(coil_lock_release(&w.lock), WRONG);
    check_report(0, "a lock that belongs to loop 1 of this thread was used in loop 2 of thread ",
                 NULL);
    CHECK_ERR(coil_stream_read(w.streams[0], item, 1), WRONG);
    check_report(1, "a stream of loop 1 of this thread was used in loop 2 of thread ", NULL);
    if (has_lines()) {
        CHECK_CONTAINS(reports.list[1].message, "\n  it was opened at test_wrong_loop.c:");
        CHECK_CONTAINS(reports.list[1].message, " in make_objects");
    }
    CHECK_ERR(coil_await(w.task), WRONG);
    check_report(2, "a task of loop 1 of this thread was used in loop 2 of thread ", NULL);
    CHECK_CONTAINS(reports.list[2].message, "\n  it was created at test_wrong_loop.c:");
    return 0;
}

COIL_TEST_LIMIT(wrong_loop_is_named, 60)
{
    struct coil_run_options options = {.loop.debug = true, .main_stack_size = 1 << 20};

    make_first_loop();
    CHECK_ERR(coil_run_with(&options, say_it, NULL), 0);
    end_first_loop();
}

/* A thread without a loop of its own: nobody but stderr can be told. */
static void *call_it(void *arg)
{
    CHECK_ERR(coil_call_soon(w.loop, &w.idle, nothing, NULL), WRONG);
    return arg;
}

static int call_from_a_thread(__attribute__((unused)) void *arg)
{
    pthread_t thread;

    make_first_loop();
    CHECK_INT(pthread_create(&thread, NULL, call_it, NULL), ==, 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    end_first_loop();
    return 0;
}

COIL_TEST_LIMIT(wrong_loop_from_a_thread_without_one, 60)
{
    struct test_child child;

    unsetenv("COIL_DEBUG");
    test_run_child(call_from_a_thread, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "coil: loop 1 of thread ");
    CHECK_CONTAINS(child.output, " was used in thread ");
    CHECK_CONTAINS(child.output, "coil_call_soon_threadsafe");
}
