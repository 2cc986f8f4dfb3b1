/* Answers of the name service that are shared and remembered (A11). */
#include "name_service.h"

static int ask(const char *host)
{
    return resolve_text(host, "80", 0, false, "[2001:db8::1]:80 192.0.2.1:80");
}

static void keep(size_t max_entries, int64_t lifetime_ns, int64_t negative_lifetime_ns)
{
    struct coil_resolve_cache cache = {max_entries, lifetime_ns, negative_lifetime_ns};

    CHECK_OK(coil_resolve_set_cache(&cache));
}

/* How often the name service is asked until the host is known. */
static int calls_for(const char *host)
{
    int before = atomic_load(&calls);

    CHECK_OK(ask(host));
    return atomic_load(&calls) - before;
}

/* --- sharing --- */

TASK_TEST(resolve_cache_is_off_at_first)
{
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_OK(coil_resolve_flush(NULL));
    keep(10, 0, 0);
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_INT(calls_for("host"), ==, 1);
    keep(0, COIL_MINUTE, COIL_MINUTE);
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_INT(calls_for("host"), ==, 1);
    return 0;
}

/* Six tasks that ask for the same; the question is with a thread when it returns. */
static void ask_at_once(struct coil_task *tasks[6])
{
    sem_init(&gate, 0, 0);
    for (int i = 0; i < 6; i++) {
        tasks[i] = coil_create_task(resolve_host, slow());
    }
    await_waiting(1);
    yield_times(3);
    CHECK_INT(atomic_load(&calls), ==, 1);
}

TASK_TEST(resolve_shares_the_question)
{
    struct coil_task *tasks[6];
    int results[6];

    ask_at_once(tasks);
    open_gate(1);
    CHECK_OK(coil_gather(tasks, 6, results));
    for (int i = 0; i < 6; i++) {
        CHECK_ERR(results[i], 0);
    }
    CHECK_INT(atomic_load(&calls), ==, 1);
    return 0;
}

static int resolve_other_port(void *arg)
{
    return resolve_text(arg, "443", 0, false, "[2001:db8::1]:443 192.0.2.1:443");
}

static int resolve_ipv4(void *arg)
{
    return resolve_text(arg, "443", AF_INET, false, "192.0.2.1:443");
}

TASK_TEST(resolve_shares_between_ports_and_not_between_families)
{
    struct coil_task *tasks[3];
    int results[3];

    sem_init(&gate, 0, 0);
    tasks[0] = coil_create_task(resolve_host, slow());
    tasks[1] = coil_create_task(resolve_other_port, (void *)(uintptr_t) "SLOW");
    tasks[2] = coil_create_task(resolve_ipv4, slow());
    await_waiting(2);
    open_gate(2);
    CHECK_OK(coil_gather(tasks, 3, results));
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(results[i], 0);
    }
    CHECK_INT(atomic_load(&calls), ==, 2);
    return 0;
}

TASK_TEST(resolve_cancel_leaves_the_question_to_others)
{
    struct coil_task *tasks[6];

    ask_at_once(tasks);
    for (int i = 0; i < 5; i++) { /* the one that has asked first, too */
        coil_cancel(tasks[i]);
        CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
    }
    CHECK_INT(atomic_load(&waiting), ==, 1);
    open_gate(1);
    CHECK_OK(coil_await(tasks[5]));
    CHECK_INT(atomic_load(&calls), ==, 1);
    return 0;
}

TASK_TEST(resolve_joins_a_question_that_all_have_left)
{
    struct coil_task *tasks[6];
    struct coil_task *late;

    ask_at_once(tasks);
    for (int i = 0; i < 6; i++) {
        coil_cancel(tasks[i]);
        CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
    }
    late = coil_create_task(resolve_host, slow());
    yield_times(2);
    open_gate(1);
    CHECK_OK(coil_await(late));
    CHECK_INT(atomic_load(&calls), ==, 1);
    return 0;
}

static int main_takes_back(void *arg)
{
    struct coil_task *tasks[4];

    (void)arg;
    sem_init(&gate, 0, 0);
    tasks[0] = coil_create_task(resolve_host, slow());
    await_waiting(1);
    for (int i = 1; i < 4; i++) { /* the only thread is busy */
        tasks[i] = coil_create_task(resolve_host, (void *)(uintptr_t) "host");
    }
    yield_times(2);
    for (int i = 1; i < 4; i++) {
        coil_cancel(tasks[i]);
        CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
    }
    open_gate(1);
    CHECK_OK(coil_await(tasks[0]));
    CHECK_INT(atomic_load(&calls), ==, 1); /* nobody was asked for "host" */
    CHECK_INT(calls_for("host"), ==, 1);
    return 0;
}

COIL_TEST(resolve_takes_a_question_back_that_nobody_has_begun)
{
    struct coil_run_options options = {.loop.max_resolvers = 1};

    CHECK_OK(coil_run_with(&options, main_takes_back, NULL));
    await_no_blocks(0);
}

TASK_TEST(resolve_deadline_of_one_who_shares)
{
    struct coil_task *tasks[6];
    int rc = 0;

    ask_at_once(tasks);
    coil_timeout(2 * COIL_MSEC) {
        rc = resolve_host(slow());
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    open_gate(1);
    for (int i = 0; i < 6; i++) {
        CHECK_OK(coil_await(tasks[i]));
    }
    return 0;
}

TASK_TEST(resolve_shares_errors)
{
    struct coil_task *tasks[3];
    int results[3];

    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(resolve_host, (void *)(uintptr_t) "again");
    }
    CHECK_OK(coil_gather(tasks, 3, results));
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(results[i], -COIL_ERESOLVER);
    }
    return 0;
}

/* --- remembering --- */

TASK_TEST(resolve_cache_remembers)
{
    keep(100, COIL_MINUTE, 0);
    CHECK_INT(calls_for("host"), ==, 1);
    for (int i = 0; i < 300; i++) {
        CHECK_INT(calls_for(i % 2 ? "host" : "Host"), ==, 0);
    }
    CHECK_OK(resolve_text("host", "443", 0, false, "[2001:db8::1]:443 192.0.2.1:443"));
    CHECK_OK(resolve_text("host", NULL, 0, false, "[2001:db8::1]:0 192.0.2.1:0"));
    CHECK_INT(atomic_load(&calls), ==, 1);
    CHECK_OK(resolve_text("host", "443", AF_INET, false, "192.0.2.1:443"));
    CHECK_OK(resolve_text("host", "https", 0, false, "[2001:db8::1]:443 192.0.2.1:443"));
    CHECK_OK(resolve_text("host", "80", 0, true, "[2001:db8::1]:80 192.0.2.1:80"));
    CHECK_INT(calls_for("host2"), ==, 1);
    CHECK_INT(atomic_load(&calls), ==, 5);
    CHECK_OK(resolve_text("host", "443", AF_INET, false, "192.0.2.1:443"));
    CHECK_OK(resolve_text("host", "https", 0, false, "[2001:db8::1]:443 192.0.2.1:443"));
    CHECK_OK(resolve_text("host", "80", 0, true, "[2001:db8::1]:80 192.0.2.1:80"));
    CHECK_INT(atomic_load(&calls), ==, 5);
    return 0;
}

TASK_TEST(resolve_cache_forgets_in_time)
{
    keep(100, COIL_MSEC, COIL_MSEC);
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_ERR(ask("noname"), -COIL_EHOSTNAME);
    CHECK_OK(coil_sleep(COIL_MSEC + 1));
    CHECK_INT(calls_for("host"), ==, 1);
    CHECK_ERR(ask("noname"), -COIL_EHOSTNAME);
    CHECK_INT(atomic_load(&calls), ==, 4);
    keep(100, COIL_NEVER, COIL_NEVER);
    CHECK_INT(calls_for("host"), ==, 1); /* a change forgets */
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(calls_for("host"), ==, 0);
    return 0;
}

TASK_TEST(resolve_cache_of_failures)
{
    keep(100, COIL_MINUTE, 0);
    CHECK_ERR(ask("noname"), -COIL_EHOSTNAME);
    CHECK_ERR(ask("noname"), -COIL_EHOSTNAME);
    CHECK_INT(atomic_load(&calls), ==, 2);
    keep(100, COIL_MINUTE, COIL_MINUTE);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(ask("noname"), -COIL_EHOSTNAME);
        CHECK_ERR(ask("nodata"), -COIL_EHOSTNAME);
    }
    CHECK_INT(atomic_load(&calls), ==, 4);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(ask("again"), -COIL_ERESOLVER);
        CHECK_ERR(ask("memory"), -ENOMEM);
    }
    CHECK_INT(atomic_load(&calls), ==, 10);
    return 0;
}

TASK_TEST(resolve_cache_is_bounded)
{
    char host[16];

    keep(2, COIL_MINUTE, 0);
    CHECK_INT(calls_for("a"), ==, 1);
    CHECK_INT(calls_for("b"), ==, 1);
    CHECK_INT(calls_for("a"), ==, 0); /* now b is the one that goes */
    CHECK_INT(calls_for("c"), ==, 1);
    CHECK_INT(calls_for("a"), ==, 0);
    CHECK_INT(calls_for("c"), ==, 0);
    CHECK_INT(calls_for("b"), ==, 1);
    CHECK_INT(calls_for("a"), ==, 1);
    keep(50, COIL_MINUTE, 0);
    for (int i = 0; i < 200; i++) {
        snprintf(host, sizeof host, "host%d", i);
        CHECK_INT(calls_for(host), ==, 1);
    }
    CHECK_INT(calls_for("host150"), ==, 0);
    CHECK_INT(calls_for("host149"), ==, 1);
    CHECK_OK(coil_resolve_set_cache(NULL));
    CHECK_INT(calls_for("host199"), ==, 1);
    return 0;
}

TASK_TEST(resolve_flush)
{
    keep(10, COIL_MINUTE, COIL_MINUTE);
    CHECK_INT(calls_for("a"), ==, 1);
    CHECK_INT(calls_for("b"), ==, 1);
    CHECK_OK(coil_resolve_flush("A"));
    CHECK_OK(coil_resolve_flush("nobody"));
    CHECK_INT(calls_for("b"), ==, 0);
    CHECK_INT(calls_for("a"), ==, 1);
    CHECK_OK(coil_resolve_flush(NULL));
    CHECK_INT(calls_for("b"), ==, 1);
    CHECK_INT(calls_for("a"), ==, 1);
    return 0;
}

/* An answer that was on its way may be as old as what was flushed. */
TASK_TEST(resolve_flush_while_it_is_asked)
{
    struct coil_task *tasks[6];
    struct coil_task *late;

    keep(10, COIL_MINUTE, 0);
    ask_at_once(tasks);
    CHECK_OK(coil_resolve_flush("slow"));
    late = coil_create_task(resolve_host, slow());
    await_waiting(2);
    open_gate(3); /* one more than is needed, if all is well */
    for (int i = 0; i < 6; i++) {
        CHECK_OK(coil_await(tasks[i]));
    }
    CHECK_OK(coil_await(late));
    CHECK_INT(atomic_load(&calls), ==, 2);
    CHECK_INT(calls_for("slow"), ==, 0);
    return 0;
}

/* Who was woken has the answer, though it was flushed, or the task cancelled, before it ran. */
static void flush_and_cancel(void *arg)
{
    CHECK_OK(coil_resolve_flush(NULL));
    coil_cancel(arg);
}

TASK_TEST(resolve_answer_that_has_come_is_kept)
{
    struct coil_task *task;
    struct coil_handle handle = {0};

    keep(10, COIL_MINUTE, 0);
    for (int i = 0; i < 50; i++) {
        int rc;

        CHECK_OK(coil_resolve_flush(NULL));
        task = coil_create_task(resolve_host, (void *)(uintptr_t) "host");
        for (int j = 0; j < i % 5; j++) {
            CHECK_OK(coil_yield());
        }
        CHECK_OK(coil_call_soon(coil_loop_current(), &handle, flush_and_cancel, task));
        rc = coil_await(task);
        coil_handle_cancel(&handle);
        CHECK(rc == 0 || rc == -ECANCELED);
    }
    return 0;
}

TASK_TEST(resolve_cache_misuse_is_named)
{
    struct coil_resolve_cache cache = {1, -1, 0};

    CHECK_ERR(coil_resolve_set_cache(&cache), -EINVAL);
    cache = (struct coil_resolve_cache){1, 0, -1};
    CHECK_ERR(coil_resolve_set_cache(&cache), -EINVAL);
    fault_alloc_at(1);
    CHECK_ERR(coil_resolve_set_cache(NULL), -ENOMEM);
    fault_off();
    CHECK_OK(coil_resolve_flush("host"));
    CHECK_OK(coil_resolve_set_cache(NULL));
    return 0;
}

COIL_TEST(resolve_cache_outside_of_a_loop)
{
    CHECK_ERR(coil_resolve_set_cache(NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_resolve_flush(NULL), -COIL_ENOLOOP);
}

TASK_TEST(resolve_cache_in_a_cancelled_task)
{
    keep(10, COIL_MINUTE, 0);
    CHECK_INT(calls_for("host"), ==, 1);
    coil_cancel(coil_current_task());
    CHECK_ERR(ask("host"), -ECANCELED);
    coil_uncancel(coil_current_task());
    return 0;
}

/* --- the end of the loop --- */

static int main_leaves_all(void *arg)
{
    struct coil_task *tasks[6];

    (void)arg;
    keep(10, COIL_MINUTE, 0);
    CHECK_OK(ask("host"));
    atomic_store(&calls, 0);
    ask_at_once(tasks);
    for (int i = 0; i < 6; i++) {
        CHECK_OK(coil_detach(tasks[i]));
    }
    return 0;
}

COIL_TEST(resolve_cache_ends_with_the_loop)
{
    CHECK_OK(coil_run(main_leaves_all, NULL));
    open_gate(1);
    await_no_blocks(0);
}

/* --- faults --- */

static int resolve_tolerantly(void *arg)
{
    static const char *const hosts[] = {"host", "host", "noname", "noname"};
    struct coil_resolve_cache cache = {1, COIL_MINUTE, COIL_MINUTE};

    (void)arg;
    coil_resolve_set_cache(&cache);
    for (int i = 0; i < 4; i++) {
        struct coil_task *task = coil_task_create(NULL, resolve_host, (void *)(uintptr_t)hosts[i]);
        struct coil_address *list;
        size_t count;

        if (coil_resolve(hosts[i], "80", NULL, &list, &count) == 0) {
            CHECK_INT(count, >, 0);
            coil_resolve_free(list);
        }
        coil_await(task);
    }
    return 0;
}

static void run_tolerantly(void *arg)
{
    coil_run(resolve_tolerantly, arg);
    await_no_blocks(0);
}

COIL_TEST_LIMIT(resolve_cache_survives_every_fault, 120)
{
    torture(run_tolerantly, NULL);
}
