/* fork() (A17): the child has copies of the loops, and none of their sides in the kernel. Every
 * call on them answers -COIL_EFORKED; the parent never notices. */
#include "fault.h"
#include "in_task.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Forks; the child exits with what fn returns. Returns that. */
static int in_child(int (*fn)(void *arg), void *arg)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        int rc;

        fault_off(); /* a fault in here would not be seen by the test */
        rc = fn(arg);

        fflush(NULL);
        _exit(rc);
    }
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_MSG(WIFEXITED(status), "the child died by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* --- a task forks --- */

struct world {
    struct coil_loop *loop;
    struct coil_task *task;
    struct coil_handle handle;
    struct coil_op op;
    struct coil_event event;
    struct coil_future future;
    struct coil_channel channel;
    int fds[2];
    char byte;
};

static void never(void *user)
{
    CHECK_PTR(user, ==, "never called");
}

static ssize_t last_result;

static void note_result(struct coil_op *op)
{
    last_result = op->result;
}

static int blocking(void *arg)
{
    (void)arg;
    return 0;
}

static int call_the_loop(void *arg)
{
    struct world *world = arg;
    struct coil_handle handle = {0};
    struct coil_op op = {0};

    CHECK_ERR(coil_loop_run(world->loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_run_once(world->loop, 0), -COIL_EFORKED);
    CHECK_ERR(coil_loop_stop(world->loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_wake(world->loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_get_fd(world->loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_free(world->loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_set_wait_hooks(world->loop, NULL, NULL, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_loop_set_error_handler(world->loop, NULL, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_run_in(world->loop, NULL, task_forever, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_call_soon(world->loop, &handle, never, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_call_later(world->loop, &handle, 0, never, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_call_at(world->loop, &handle, 0, never, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_call_soon_threadsafe(world->loop, &handle, never, NULL), -COIL_EFORKED);
    CHECK(!coil_handle_is_pending(&handle));
    coil_op_recv(&op, world->fds[0], &world->byte, 1, 0);
    CHECK_ERR(coil_op_submit(world->loop, &op, note_result), -COIL_EFORKED);
    if (coil_op_is_pending(&world->op)) {
        CHECK_ERR(coil_op_cancel(&world->op), -COIL_EFORKED);
    }
    CHECK_ERR(coil_run_threadsafe(world->loop, blocking, NULL), -COIL_EFORKED);
    return 0;
}

static int call_everything(void *arg)
{
    struct world *world = arg;
    struct coil_scope scope = {0};
    struct coil_group group = {0};
    struct coil_address address;
    struct coil_stream *stream;
    struct coil_address *list;
    size_t count;

    CHECK_ERR(call_the_loop(arg), 0);
    CHECK_ERR(coil_sleep(1), -COIL_EFORKED);
    CHECK_ERR(coil_sleep(0), -COIL_EFORKED);
    CHECK_ERR(coil_sleep_until(1), -COIL_EFORKED);
    CHECK_ERR(coil_await(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_await_shielded(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_wait_for(world->task, 1), -COIL_EFORKED);
    CHECK_ERR(coil_wait(&world->task, 1, COIL_ALL_COMPLETED, 1), -COIL_EFORKED);
    CHECK_ERR(coil_gather(&world->task, 1, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_detach(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_cancel(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_uncancel(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_task_result(world->task), -COIL_EFORKED);
    CHECK_ERR(coil_task_set_name(world->task, "x"), -COIL_EFORKED);
    CHECK_STR(coil_task_name(world->task), "");
    CHECK_ERR(coil_all_tasks(NULL, 0), -COIL_EFORKED);
    CHECK_ERR(coil_group_open(&group), -COIL_EFORKED);
    CHECK_ERR(coil_scope_open_timeout(&scope, 1), -COIL_EFORKED);
    CHECK_ERR(coil_scope_open_shield(&scope), -COIL_EFORKED);
    CHECK_ERR(coil_check_cancel(), -COIL_EFORKED);
    CHECK_ERR(coil_event_wait(&world->event), -COIL_EFORKED);
    CHECK_ERR(coil_event_set(&world->event), -COIL_EFORKED);
    CHECK_ERR(coil_future_wait(&world->future), -COIL_EFORKED);
    CHECK_ERR(coil_future_set(&world->future, 1), -COIL_EFORKED);
    CHECK_ERR(coil_channel_send(&world->channel, ""), -COIL_EFORKED);
    CHECK_ERR(coil_channel_try_send(&world->channel, ""), -COIL_EFORKED);
    CHECK_ERR(coil_channel_close(&world->channel), -COIL_EFORKED);
    CHECK_ERR(coil_to_thread(blocking, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_poll(world->fds[0], POLLIN), -COIL_EFORKED);
    CHECK_ERR(coil_recv(world->fds[0], &world->byte, 1, 0), -COIL_EFORKED);
    CHECK_ERR(coil_send_all(world->fds[0], "a", 1), -COIL_EFORKED);
    CHECK_ERR(coil_accept(world->fds[0], NULL), -COIL_EFORKED);
    CHECK_ERR(coil_dial("127.0.0.1", 9, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_socket_address(world->fds[0], &address), -COIL_EFORKED);
    CHECK_ERR(coil_resolve("127.0.0.1", "9", NULL, &list, &count), -COIL_EFORKED);
    CHECK_ERR(coil_open_connection("127.0.0.1", 9, NULL, &stream), -COIL_EFORKED);
    CHECK_PTR(coil_create_task(task_forever, NULL), ==, NULL);
    CHECK_PTR(coil_current_task(), ==, NULL);
    CHECK_PTR(coil_loop_current(), ==, NULL);
    return 3;
}

static int nap(void *arg)
{
    int64_t span = COIL_MSEC;

    (void)arg;
    CHECK_ERR(coil_run(nap, NULL), -COIL_ENESTED);
    CHECK_OK(coil_await(coil_create_task(task_sleep, &span)));
    if (!test_has_tsan()) { /* it does not let the child of a fork start threads */
        CHECK_OK(coil_to_thread(blocking, NULL));
    }
    return 4;
}

static int run_on_every_backend(void *arg)
{
    static const char *const names[] = {"uring", "epoll", "sim"};

    for (int i = 0; i < 3; i++) {
        struct coil_run_options options = {.loop.backend = names[i]};
        int rc = coil_run_with(&options, nap, NULL);

        CHECK(rc == 4 || (rc == -COIL_EBACKEND && i == 0));
    }
    CHECK_ERR(coil_sleep(1), -COIL_ENOLOOP);
    (void)arg;
    return 5;
}

static int fork_again(void *arg)
{
    return in_child(call_everything, arg) + in_child(run_on_every_backend, arg);
}

static int set_event(void *arg)
{
    return coil_event_set(arg);
}

static int fork_in_task(void *arg)
{
    struct world world = {.loop = coil_loop_current(),
                          .task = coil_create_task(task_forever, NULL)};
    struct coil_task *receiver;
    struct coil_task *setter;

    (void)arg;
    if (test_backend_is("sim")) {
        world.fds[0] = world.fds[1] = -1;
    } else {
        test_socket_pair(world.fds);
        coil_op_recv(&world.op, world.fds[0], &world.byte, 1, 0);
        CHECK_OK(coil_op_submit(world.loop, &world.op, note_result));
    }
    CHECK_OK(coil_channel_init(&world.channel, 1, 2));
    CHECK_OK(coil_channel_try_send(&world.channel, "x"));
    setter = coil_create_task(set_event, &world.event);
    CHECK_OK(coil_event_wait(&world.event));
    CHECK_OK(coil_await(setter));
    world.future.loop_ = world.loop; /* as after a first wait */
    receiver = coil_create_task(task_forever, NULL);
    yield_times(2);
    CHECK_INT(in_child(call_everything, &world), ==, 3);
    CHECK_INT(in_child(run_on_every_backend, &world), ==, 5);
    CHECK_INT(in_child(fork_again, &world), ==, 8);
    if (!test_backend_is("sim")) { /* the parent's operation is still there, and only there */
        CHECK(coil_op_is_pending(&world.op));
        CHECK_INT(write(world.fds[1], "a", 1), ==, 1);
        while (coil_op_is_pending(&world.op)) {
            CHECK_OK(coil_yield());
        }
        CHECK_INT(last_result, ==, 1);
        close(world.fds[0]);
        close(world.fds[1]);
    }
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_cancel(receiver));
    CHECK_ERR(coil_await(receiver), -ECANCELED);
    CHECK_OK(coil_cancel(world.task));
    CHECK_ERR(coil_await(world.task), -ECANCELED);
    coil_channel_deinit(&world.channel);
    return 0;
}

COIL_TEST(fork_in_a_task_child_gets_named_errors)
{
    CHECK_ERR(coil_run(fork_in_task, NULL), 0);
}

/* --- the child returns --- */

static int fork_and_return(void *arg)
{
    pid_t *ret_pid = arg;
    struct coil_scope scope = {0};

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE)); /* left open by the child */
    fflush(NULL);
    *ret_pid = fork();
    if (*ret_pid == 0) {
        fault_off();
        return coil_run(nap, NULL);
    }
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    CHECK_OK(coil_scope_close(&scope));
    return 6;
}

static int fork_in_second_task(void *arg)
{
    int rc = coil_await(coil_create_task(fork_and_return, arg));

    CHECK_INT(rc, ==, 6); /* the child's copy of this task never goes on */
    return rc;
}

static int return_through_run(void *fn)
{
    pid_t pid = -1;
    int status;
    int rc = coil_run(*(coil_task_fn *)fn, &pid);

    if (pid == 0) {
        _exit(rc == -COIL_EFORKED && coil_run(nap, NULL) == 4 ? 8 : 9);
    }
    CHECK_INT(rc, ==, 6);
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_INT(status, ==, 8 << 8);
    return 0;
}

COIL_TEST(fork_child_returns_from_its_task)
{
    coil_task_fn fns[] = {fork_and_return, fork_in_second_task};

    CHECK_OK(return_through_run(&fns[0]));
    CHECK_OK(return_through_run(&fns[1]));
}

/* --- fork from elsewhere --- */

static void fork_in_callback(void *user)
{
    struct world *world = user;

    CHECK_ERR(in_child(call_the_loop, world), 0);
    CHECK_OK(coil_loop_stop(world->loop));
}

COIL_TEST(fork_in_a_callback)
{
    struct world world = {.fds = {-1, -1}};

    CHECK_OK(coil_loop_new(NULL, &world.loop));
    CHECK_OK(coil_call_soon(world.loop, &world.handle, fork_in_callback, &world));
    CHECK_OK(coil_loop_run(world.loop));
    CHECK_OK(coil_loop_free(world.loop));
}

static int use_a_loop_that_rests(void *arg)
{
    struct world *world = arg;

    CHECK_ERR(call_the_loop(world), 0);
    CHECK_OK(coil_loop_free_after_fork(world->loop));
    return run_on_every_backend(NULL);
}

/* The loop does not run while the program forks: the child must not use the parent's ring. */
COIL_TEST(fork_beside_a_loop_that_does_not_run)
{
    struct world world = {.fds = {-1, -1}};

    CHECK_OK(coil_loop_new(NULL, &world.loop));
    CHECK_OK(coil_loop_run_once(world.loop, 0));
    CHECK_ERR(coil_loop_free_after_fork(world.loop), -COIL_EINVALIDSTATE); /* not a copy */
    CHECK_ERR(coil_loop_free_after_fork(NULL), 0);
    CHECK_INT(in_child(use_a_loop_that_rests, &world), ==, 5);
    CHECK_ERR(coil_run_in(world.loop, NULL, blocking, NULL), 0);
    CHECK_OK(coil_loop_free(world.loop));
}

struct fork_in_thread {
    struct coil_loop *loop;
    struct coil_handle handle;
    struct coil_thread_call call; /* started by the parent, still running */
    int called;
    atomic_bool is_joinable;
};

static int free_running(void *arg)
{
    struct fork_in_thread *f = arg;
    struct coil_loop *loop = f->loop;
    struct coil_handle idle = {0};
    struct coil_thread_call call = {0};

    alarm(20); /* instead of waiting for ever */
    CHECK_ERR(coil_run_threadsafe(loop, blocking, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_thread_call_start(loop, &call, blocking, NULL), -COIL_EFORKED);
    CHECK(!coil_thread_call_is_pending(&call));
    CHECK_ERR(coil_thread_call_wait(&f->call, COIL_NEVER), -COIL_EFORKED);
    CHECK_ERR(coil_thread_call_cancel(&f->call), -COIL_EFORKED);
    CHECK_ERR(coil_call_soon_threadsafe(loop, &idle, never, NULL), -COIL_EFORKED);
    CHECK(!coil_handle_is_pending(&idle));
    CHECK_ERR(coil_loop_wake(loop), -COIL_EFORKED);
    CHECK_ERR(coil_loop_free(loop), -COIL_EWRONGTHREAD);
    CHECK_OK(coil_loop_free_after_fork(loop));
    CHECK_INT(coil_run(nap, NULL), ==, 4);
    return 2;
}

/* A child's child. */
static int fork_twice(void *arg)
{
    return in_child(free_running, arg) + 2;
}

/* The parent's loop goes on as if nothing had been. */
static void *fork_in_thread(void *arg)
{
    struct fork_in_thread *f = arg;

    CHECK_OK(coil_thread_call_start(f->loop, &f->call, task_forever, NULL));
    CHECK_INT(in_child(free_running, f), ==, 2);
    CHECK_INT(in_child(fork_twice, f), ==, 4);
    CHECK_INT(coil_thread_call_cancel(&f->call), ==, 1);
    CHECK_ERR(coil_thread_call_wait(&f->call, COIL_NEVER), -ECANCELED);
    CHECK_OK(coil_run_threadsafe(f->loop, blocking, NULL));
    f->is_joinable = true;
    return NULL;
}

static void count_up(void *user)
{
    ++*(int *)user;
}

static int fork_in_to_thread(void *arg)
{
    struct fork_in_thread *f = arg;

    fork_in_thread(f);
    CHECK_OK(coil_call_soon_threadsafe(f->loop, &f->handle, count_up, &f->called));
    return 0;
}

static int wait_while_a_thread_forks(void *arg)
{
    struct fork_in_thread f = {.loop = coil_loop_current()};
    pthread_t thread;

    (void)arg;
    CHECK_INT(pthread_create(&thread, NULL, fork_in_thread, &f), ==, 0);
    CHECK_OK(coil_sleep(COIL_MSEC));
    while (!f.is_joinable) {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_OK(coil_to_thread(fork_in_to_thread, &f));
    while (f.called == 0) {
        CHECK_OK(coil_yield());
    }
    return 0;
}

COIL_TEST(fork_in_another_thread_than_the_loops)
{
    if (test_has_tsan()) {
        test_skip("tsan does not let a child of threads start some");
    }
    CHECK_ERR(coil_run(wait_while_a_thread_forks, NULL), 0);
}

/* --- SIGINT --- */

static int interrupt_myself(void *arg)
{
    (void)arg;
    test_raise_sigint();
    return coil_sleep(COIL_MINUTE);
}

static int interrupt_own_loop(void *arg)
{
    (void)arg;
    return coil_run(interrupt_myself, NULL) == -EINTR ? 2 : 1;
}

static int interrupt_without_loop(void *arg)
{
    struct sigaction action;

    (void)arg;
    CHECK_INT(sigaction(SIGINT, NULL, &action), ==, 0);
    return action.sa_handler == SIG_DFL ? 3 : 1;
}

static int fork_under_sigint(void *arg)
{
    (void)arg;
    CHECK_INT(in_child(interrupt_own_loop, NULL), ==, 2);
    CHECK_INT(in_child(interrupt_without_loop, NULL), ==, 3);
    CHECK_OK(coil_sleep(COIL_MSEC)); /* this loop was not interrupted */
    test_raise_sigint();             /* and can be */
    return coil_sleep(COIL_MINUTE);
}

COIL_TEST(fork_child_has_its_own_sigint)
{
    CHECK_ERR(coil_run(fork_under_sigint, NULL), -EINTR);
}
