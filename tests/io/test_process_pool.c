/* Work in processes (A10): results, errors, workers that die, cancels, and nobody left behind. */
#include "child.h"
#include "fault.h"
#include "harness.h"

#include <coil/process_pool.h>

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* Not for the simulated backend, whose sockets are no descriptors. */
#define POOL_TEST(name) POOL_TEST_WITH(name, 0)

#define POOL_TEST_WITH(name, processes)                                                            \
    static int body_of_##name(void *arg);                                                          \
    COIL_TEST_LIMIT(name, 60)                                                                      \
    {                                                                                              \
        struct coil_run_options options = {.loop.max_processes = (processes)};                     \
        skip_on_sim();                                                                             \
        CHECK_ERR(coil_run_with(&options, body_of_##name, NULL), 0);                               \
        check_no_children();                                                                       \
    }                                                                                              \
    static int body_of_##name(__attribute__((unused)) void *arg)

static void skip_on_sim(void)
{
    if (test_backend_is("sim")) {
        test_skip("worker processes need sockets of the system's");
    }
}

/* --- work --- */

static ssize_t add_one(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    int number;

    if (arg_size != sizeof number || result_size < sizeof number) {
        return -EINVAL;
    }
    memcpy(&number, arg, sizeof number);
    number++;
    memcpy(ret_result, &number, sizeof number);
    return sizeof number;
}

static ssize_t get_pid(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    pid_t pid = getpid();

    (void)arg;
    (void)arg_size;
    memcpy(ret_result, &pid, result_size < sizeof pid ? result_size : sizeof pid);
    return sizeof pid;
}

static ssize_t fail(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    (void)arg_size;
    (void)ret_result;
    (void)result_size;
    return *(const int *)arg;
}

static ssize_t return_nothing(const void *arg, size_t arg_size, void *ret_result,
                              size_t result_size)
{
    (void)ret_result;
    (void)result_size;
    return arg && arg_size == 0 ? 0 : -EINVAL;
}

static ssize_t return_too_much(const void *arg, size_t arg_size, void *ret_result,
                               size_t result_size)
{
    (void)arg;
    (void)arg_size;
    (void)ret_result;
    return (ssize_t)result_size + 1;
}

static ssize_t invert(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    const unsigned char *from = arg;
    unsigned char *to = ret_result;

    if (result_size < arg_size) {
        return -ENOSPC;
    }
    for (size_t i = 0; i < arg_size; i++) {
        to[i] = (unsigned char)~from[i];
    }
    return (ssize_t)arg_size;
}

/* Dies in the way that the number says. */
enum { BY_EXIT, BY_SIGNAL, BY_KILL, BY_CLOSING, DEATHS };

static ssize_t die(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    (void)arg_size;
    (void)ret_result;
    (void)result_size;
    switch (*(const int *)arg) {
    case BY_EXIT:
        _exit(7);
    case BY_SIGNAL:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        return 0;
    case BY_KILL:
        kill(getpid(), SIGKILL);
        return 0;
    default:
        closefrom(0);
        return 0; /* which it cannot tell */
    }
}

static ssize_t compute_for_ever(const void *arg, size_t arg_size, void *ret_result,
                                size_t result_size)
{
    volatile unsigned long n = 0;
    pid_t pid = getpid();
    int fd;

    (void)arg_size;
    (void)ret_result;
    (void)result_size;
    fd = open(arg, O_CREAT | O_WRONLY, 0600); /* it has begun */
    if (fd < 0 || write(fd, &pid, sizeof pid) != sizeof pid) {
        return -EIO;
    }
    close(fd);
    for (;;) {
        n++;
    }
}

static ssize_t raise_int(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    raise(SIGINT);
    return add_one(arg, arg_size, ret_result, result_size);
}

static int in_loop(void *arg)
{
    ++*(int *)arg;
    return coil_sleep(COIL_MSEC);
}

static ssize_t run_a_loop(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    int number = *(const int *)arg;
    int rc = coil_sleep(1) == -COIL_EFORKED ? coil_run(in_loop, &number) : -EINVAL;

    return rc < 0 ? rc : add_one(&number, arg_size, ret_result, result_size);
}

/* --- helpers --- */

static ssize_t call(coil_process_fn fn, int number, int *ret_result)
{
    return coil_to_process(fn, &number, sizeof number, ret_result, sizeof *ret_result, NULL);
}

static pid_t worker_pid(void)
{
    pid_t pid = 0;

    CHECK_INT(coil_to_process(get_pid, NULL, 0, &pid, sizeof pid, NULL), ==, sizeof pid);
    return pid;
}

/* Gone, or a zombie that nobody but the system's first process has to reap. */
static bool is_gone(pid_t pid)
{
    char path[64];
    char text[256] = "";
    const char *state;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (!file) {
        return true;
    }
    if (fread(text, 1, sizeof text - 1, file) == 0) {
        text[0] = '\0';
    }
    fclose(file);
    state = strrchr(text, ')');
    return !state || state[2] == 'Z' || state[2] == 'X';
}

static bool await_gone(pid_t pid)
{
    for (int i = 0; i < 20000 && !is_gone(pid); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return is_gone(pid);
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    CHECK(dir);
    while (dir && readdir(dir)) {
        count++;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

static int compute(void *arg)
{
    const char *path = arg;
    int rc = (int)coil_to_process(compute_for_ever, path, strlen(path) + 1, NULL, 0, NULL);

    CHECK(rc == -ECANCELED || rc == -ETIMEDOUT);
    return rc;
}

/* The pid of the worker that has begun to compute. */
static pid_t await_begun(const char *path)
{
    pid_t pid = 0;

    for (int i = 0; i < 20000 && pid == 0 && !test_has_noticed(); i++) {
        int fd = open(path, O_RDONLY);

        if (fd >= 0) {
            if (read(fd, &pid, sizeof pid) != sizeof pid) {
                pid = 0;
            }
            close(fd);
        }
        CHECK_OK(coil_sleep(500 * COIL_USEC));
    }
    CHECK_INT(pid, >, 0);
    return pid;
}

/* --- results --- */

POOL_TEST(process_pool_returns_results)
{
    int result = 0;

    for (int i = 0; i < 20; i++) {
        CHECK_INT(call(add_one, i, &result), ==, sizeof result);
        CHECK_INT(result, ==, i + 1);
    }
    CHECK_ERR(call(fail, -ENOENT, &result), -ENOENT);
    CHECK_ERR(call(fail, -COIL_EHOSTNAME, &result), -COIL_EHOSTNAME);
    CHECK_ERR(call(return_too_much, 0, &result), -COIL_ELIMIT);
    CHECK_INT(coil_to_process(return_nothing, NULL, 0, NULL, 0, NULL), ==, 0);
    CHECK_INT(call(add_one, 5, &result), ==, sizeof result);
    CHECK_INT(worker_pid(), !=, getpid());
    CHECK_INT(worker_pid(), ==, worker_pid()); /* the same one again */
    return 0;
}

POOL_TEST(process_pool_large_arguments_and_results)
{
    enum { SIZE = 1 << 20 };
    unsigned char *buf = malloc(SIZE);
    unsigned char *result = malloc(SIZE);

    CHECK(buf && result);
    for (int round = 0; buf && result && round < 3; round++) {
        int wrong = 0;

        for (int i = 0; i < SIZE; i++) {
            buf[i] = (unsigned char)(i * 7 + round);
        }
        CHECK_INT(coil_to_process(invert, buf, SIZE, result, SIZE, NULL), ==, SIZE);
        for (int i = 0; i < SIZE; i++) {
            wrong += result[i] != (unsigned char)~buf[i];
        }
        CHECK_INT(wrong, ==, 0);
    }
    free(buf);
    free(result);
    return 0;
}

static int variable = 1;

static ssize_t change_variable(const void *arg, size_t arg_size, void *ret_result,
                               size_t result_size)
{
    memcpy(&variable, arg, arg_size);
    memcpy(ret_result, &variable, result_size);
    return sizeof variable;
}

static ssize_t get_variable(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    (void)arg;
    (void)arg_size;
    memcpy(ret_result, &variable, result_size);
    return sizeof variable;
}

/* The pool sees the program as it was when it was started, and keeps its changes to itself. */
POOL_TEST_WITH(process_pool_start_is_a_copy, 1)
{
    int result = 0;

    variable = 2;
    CHECK_OK(coil_process_pool_start(NULL));
    variable = 3;
    CHECK_OK(coil_process_pool_start(coil_loop_current()));
    CHECK_INT(call(get_variable, 0, &result), >, 0);
    CHECK_INT(result, ==, 2);
    CHECK_INT(call(change_variable, 9, &result), >, 0);
    CHECK_INT(variable, ==, 3);
    CHECK_INT(call(get_variable, 0, &result), >, 0);
    CHECK_INT(result, ==, 9);
    return 0;
}

static int call_once(void *arg)
{
    int result = 0;

    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    *(int *)arg = result;
    return 0;
}

COIL_TEST(process_pool_starts_before_the_loop_runs)
{
    struct coil_loop *loop;
    int result = 0;

    skip_on_sim();
    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_process_pool_start(loop));
    CHECK_OK(coil_run_in(loop, NULL, call_once, &result));
    CHECK_INT(result, ==, 2);
    CHECK_OK(coil_loop_free(loop));
    check_no_children();
    CHECK_ERR(coil_process_pool_start(NULL), -COIL_ENOLOOP);
}

POOL_TEST(process_pool_worker_may_run_a_loop)
{
    int result = 0;

    CHECK_INT(call(run_a_loop, 3, &result), ==, sizeof result);
    CHECK_INT(result, ==, 5);
    return 0;
}

POOL_TEST(process_pool_misuse_is_named)
{
    int number = 1;

    CHECK_ERR(coil_to_process(NULL, NULL, 0, NULL, 0, NULL), -EINVAL);
    CHECK_ERR(coil_to_process(add_one, NULL, 1, &number, 4, NULL), -EINVAL);
    CHECK_ERR(coil_to_process(add_one, &number, 4, NULL, 4, NULL), -EINVAL);
    CHECK_ERR(coil_to_process(add_one, &number, SIZE_MAX, &number, 4, NULL), -EINVAL);
    return 0;
}

static int main_unsupported(void *arg)
{
    int result = 7;

    (void)arg;
    CHECK_ERR(coil_process_pool_start(NULL), -ENOTSUP);
    CHECK_ERR(call(add_one, 1, &result), -ENOTSUP);
    CHECK_INT(result, ==, 7);
    return 0;
}

COIL_TEST(process_pool_is_not_simulated)
{
    int result = 0;

    CHECK_ERR(call(add_one, 1, &result), -COIL_ENOLOOP);
    if (test_backend_is("sim")) {
        CHECK_OK(coil_run(main_unsupported, NULL));
    }
}

/* --- many at once --- */

struct job {
    int number;
    int result;
    pid_t pid;
};

static int run_job(void *arg)
{
    struct job *job = arg;

    CHECK_INT(call(add_one, job->number, &job->result), ==, sizeof job->result);
    job->pid = worker_pid();
    return 0;
}

POOL_TEST_WITH(process_pool_more_jobs_than_workers, 3)
{
    enum { COUNT = 40 };
    struct coil_task *tasks[COUNT];
    struct job jobs[COUNT];
    pid_t pids[3] = {0};
    int workers = 0;

    for (int i = 0; i < COUNT; i++) {
        jobs[i] = (struct job){.number = i};
        tasks[i] = coil_create_task(run_job, &jobs[i]);
    }
    CHECK_OK(coil_gather(tasks, COUNT, NULL));
    for (int i = 0; i < COUNT; i++) {
        bool is_known = false;

        CHECK_INT(jobs[i].result, ==, i + 1);
        for (int j = 0; j < workers; j++) {
            is_known = is_known || pids[j] == jobs[i].pid;
        }
        if (!is_known) {
            CHECK_INT(workers, <, 3);
            pids[workers++] = jobs[i].pid;
        }
    }
    return 0;
}

/* --- workers that die --- */

/* Valgrind takes the memory of a job for lost that ends its process, and makes that an error. */
static bool has_own_status(int death)
{
    return death == BY_EXIT && test_has_valgrind();
}

POOL_TEST_WITH(process_pool_worker_that_dies_is_replaced, 1)
{
    static const int statuses[DEATHS] = {
        [BY_EXIT] = 7,
        [BY_SIGNAL] = COIL_PROCESS_KILLED + SIGSEGV,
        [BY_KILL] = COIL_PROCESS_KILLED + SIGKILL,
    };
    int before = -1;
    int result;

    for (int death = 0; death < DEATHS; death++) {
        pid_t pid = worker_pid();
        int status = -1;

        before = before < 0 ? count_fds() : before;
        CHECK_ERR(coil_to_process(die, &death, sizeof death, NULL, 0, &status), -COIL_EWORKERDIED);
        if (death != BY_CLOSING && !has_own_status(death)) {
            CHECK_INT(status, ==, statuses[death]);
        }
        CHECK_INT(status, >=, 0);
        CHECK_INT(kill(pid, 0), ==, -1); /* not even a zombie */
        CHECK_INT(call(add_one, death, &result), ==, sizeof result);
        CHECK_INT(result, ==, death + 1);
        CHECK_INT(worker_pid(), !=, pid);
    }
    CHECK_INT(count_fds(), ==, before);
    CHECK_STR(coil_errname(-COIL_EWORKERDIED), "-COIL_EWORKERDIED");
    return 0;
}

POOL_TEST_WITH(process_pool_death_leaves_the_others_alone, 2)
{
    char path[256];
    int death = BY_KILL;
    struct coil_task *task;
    pid_t pid;

    test_temp_path(path, sizeof path, "begun");
    task = coil_create_task(compute, path);
    pid = await_begun(path);
    CHECK_ERR(coil_to_process(die, &death, sizeof death, NULL, 0, NULL), -COIL_EWORKERDIED);
    CHECK_INT(worker_pid(), !=, pid);
    CHECK(!is_gone(pid));
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

POOL_TEST_WITH(process_pool_idle_worker_that_dies_is_no_error, 1)
{
    pid_t pid = worker_pid();
    int result = 0;

    CHECK_INT(kill(pid, SIGKILL), ==, 0);
    CHECK(await_gone(pid));
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    CHECK_INT(kill(pid, 0), ==, -1);
    return 0;
}

/* The server takes its workers along; the next call starts another one. */
POOL_TEST_WITH(process_pool_server_that_dies_is_replaced, 1)
{
    pid_t pid = worker_pid();
    char path[64];
    char text[256];
    FILE *file;
    int parent = 0;
    int result = 0;
    ssize_t rc;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    CHECK(file);
    if (file && fgets(text, sizeof text, file)) {
        char *end = strrchr(text, ')');

        parent = end ? (int)strtol(end + 4, NULL, 10) : 0;
    }
    if (file) {
        fclose(file);
    }
    CHECK_INT(parent, >, 1);
    if (parent > 1) {
        CHECK_INT(kill(parent, SIGKILL), ==, 0);
        CHECK(await_gone(pid));
    }
    rc = call(add_one, 1, &result);
    if (rc == -COIL_EWORKERDIED && test_is_emulated()) { /* its threads do not end all at once */
        rc = call(add_one, 1, &result);
    }
    CHECK_INT(rc, ==, sizeof result);
    CHECK_INT(result, ==, 2);
    return 0;
}

static int hear_death(void *arg)
{
    struct heard *heard = arg;
    int death = BY_SIGNAL;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, heard));
    CHECK_ERR(coil_to_process(die, &death, sizeof death, NULL, 0, NULL), -COIL_EWORKERDIED);
    death = BY_EXIT;
    CHECK_INT(heard->count, ==, 1);
    CHECK_STR(heard->message, "a worker process was killed by signal 11");
    CHECK_ERR(coil_to_process(die, &death, sizeof death, NULL, 0, NULL), -COIL_EWORKERDIED);
    CHECK_CONTAINS(heard->message, "a worker process has ended by itself, with status ");
    CHECK(strstr(heard->message, " 7") || has_own_status(death));
    CHECK_ERR(heard->error, -COIL_EWORKERDIED);
    return 0;
}

COIL_TEST(process_pool_death_is_a_sentence_in_debug_mode)
{
    struct coil_run_options options = {.loop.debug = true};
    struct heard heard = {0};

    skip_on_sim();
    CHECK_OK(coil_run_with(&options, hear_death, &heard));
    check_no_children();
}

/* --- cancels --- */

static int add_in_task(void *arg)
{
    struct job *job = arg;

    return (int)call(add_one, job->number, &job->result);
}

POOL_TEST_WITH(process_pool_cancel_ends_the_worker, 1)
{
    struct coil_task *task;
    char path[256];
    int result = 0;
    int before;
    pid_t pid;

    worker_pid();
    before = count_fds();
    test_temp_path(path, sizeof path, "begun");
    task = coil_create_task(compute, path);
    pid = await_begun(path);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(kill(pid, 0), ==, -1);
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    CHECK_INT(count_fds(), ==, before);
    return 0;
}

POOL_TEST_WITH(process_pool_deadline, 1)
{
    char path[256];
    int rc = 0;

    test_temp_path(path, sizeof path, "begun");
    coil_timeout(20 * COIL_MSEC) {
        rc = compute(path);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(worker_pid(), >, 0);
    return 0;
}

POOL_TEST_WITH(process_pool_cancel_before_and_in_line, 1)
{
    struct coil_task *tasks[2];
    struct job job = {.number = 1, .result = 5};
    char path[256];
    int result = 5;

    test_temp_path(path, sizeof path, "begun");
    tasks[0] = coil_create_task(compute, path);
    await_begun(path);
    tasks[1] = coil_create_task(add_in_task, &job);
    yield_times(2);
    coil_cancel(tasks[1]); /* it waits for a worker */
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    CHECK_INT(job.result, ==, 5);
    coil_cancel(tasks[0]);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    coil_cancel(coil_current_task());
    CHECK_ERR(call(add_one, 1, &result), -ECANCELED);
    CHECK_ERR(coil_process_pool_start(NULL), -ECANCELED);
    CHECK_INT(result, ==, 5);
    coil_uncancel(coil_current_task());
    return 0;
}

/* At all kinds of moments: the result or the reason, and a pool that works on. */
POOL_TEST_WITH(process_pool_cancel_race, 2)
{
    int rounds = test_has_valgrind() || test_is_emulated() ? 20 : 100;
    int result = 0;

    for (int i = 0; i < (test_is_torture() ? 5 : rounds); i++) {
        struct job job = {.number = i};
        struct coil_task *task = coil_create_task(add_in_task, &job);
        int rc;

        for (int j = 0; j < i % 6; j++) {
            CHECK_OK(coil_sleep(i % 7 * 20 * COIL_USEC));
        }
        coil_cancel(task);
        rc = coil_await(task);
        CHECK(rc == -ECANCELED || (rc == sizeof(int) && job.result == i + 1));
    }
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    return 0;
}

static int leave_computing(void *arg)
{
    struct coil_task *task = coil_create_task(compute, arg);

    CHECK_OK(coil_detach(task));
    await_begun(arg);
    return 0;
}

COIL_TEST(process_pool_ends_with_the_loop)
{
    char path[256];

    skip_on_sim();
    test_temp_path(path, sizeof path, "begun");
    CHECK_OK(coil_run(leave_computing, path));
    check_no_children();
}

/* --- signals, and the end of the parent --- */

POOL_TEST(process_pool_workers_ignore_sigint)
{
    int result = 0;

    CHECK_INT(call(raise_int, 1, &result), ==, sizeof result);
    CHECK_INT(result, ==, 2);
    return 0;
}

static int die_computing(void *arg)
{
    CHECK_OK(coil_detach(coil_create_task(compute, arg)));
    await_begun(arg);
    raise(SIGKILL);
    return 0;
}

static int run_and_die(void *arg)
{
    return coil_run(die_computing, arg);
}

COIL_TEST(process_pool_ends_with_its_parent)
{
    struct test_child child;
    char path[256];
    pid_t pid = 0;
    int fd;

    skip_on_sim();
    test_temp_path(path, sizeof path, "begun");
    test_run_child(run_and_die, path, &child);
    CHECK_INT(child.signal, ==, SIGKILL);
    fd = open(path, O_RDONLY);
    CHECK_INT(read(fd, &pid, sizeof pid), ==, sizeof pid);
    close(fd);
    CHECK(await_gone(pid));
}

/* --- faults --- */

POOL_TEST(process_pool_without_processes)
{
    int result = 7;

    fault_syscall_named("fork", 1, EAGAIN); /* of the server */
    CHECK_ERR(call(add_one, 1, &result), -EAGAIN);
    fault_syscall_named("socketpair", 1, EMFILE);
    CHECK_ERR(call(add_one, 1, &result), -EMFILE);
    fault_syscall_named("socketpair", 2, EMFILE);
    CHECK_ERR(call(add_one, 1, &result), -EMFILE);
    fault_off();
    CHECK_INT(result, ==, 7);
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    return 0;
}

POOL_TEST(process_pool_worker_cannot_be_forked)
{
    int result = 7;

    fault_syscall_named("fork", 2, EAGAIN); /* armed before the server, which inherits it */
    CHECK_ERR(call(add_one, 1, &result), -EAGAIN);
    fault_off();
    CHECK_INT(result, ==, 7);
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    return 0;
}

POOL_TEST(process_pool_out_of_memory)
{
    int result = 7;

    fault_alloc_at(1); /* the pool */
    CHECK_ERR(call(add_one, 1, &result), -ENOMEM);
    fault_alloc_at(2); /* the worker's struct */
    CHECK_ERR(call(add_one, 1, &result), -ENOMEM);
    fault_off();
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    return 0;
}

POOL_TEST(process_pool_worker_out_of_memory)
{
    char bytes[10000] = {0};
    int result = 7;

    fault_alloc_at(
        3); /* the pool, the worker's struct; and, as it is forked with it, the argument */
    CHECK_ERR(coil_to_process(add_one, bytes, sizeof bytes, &result, sizeof result, NULL), -ENOMEM);
    fault_off();
    CHECK_INT(result, ==, 7);
    CHECK_INT(call(add_one, 1, &result), ==, sizeof result);
    return 0;
}

static int tolerant_main(void *arg)
{
    int death = BY_EXIT;
    int result = 0;

    (void)arg;
    call(add_one, 1, &result);
    coil_to_process(die, &death, sizeof death, NULL, 0, NULL);
    call(add_one, 1, &result);
    return 0;
}

static void run_tolerantly(void *arg)
{
    coil_run(tolerant_main, arg);
    check_no_children();
}

COIL_TEST_LIMIT(process_pool_survives_every_fault, 300)
{
    skip_on_sim();
    torture(run_tolerantly, NULL);
}
