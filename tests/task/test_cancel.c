/* Every case of docs/cancellation.md, by the numbers of its rows.
 *
 * `places` are the calls in which a task can stand, `causes` are those who can cancel it; each
 * place is tried with each cause. `specials` are the rows that need a play of their own.
 *
 * The victim goes to its place and notes what the call returned, and what the next one did. The
 * first task of the loop waits until it is there, and then lets the cause happen.
 */
#include "cancel_places_io.h"

#include <stdio.h>

/* --- the victim --- */

static void visit(struct trial *t)
{
    const char *reason;

    t->rc = t->place->go(t);
    CHECK(t->is_there);
    t->next_rc = coil_yield();
    reason = coil_cancel_reason();
    strncpy(t->reason, reason ? reason : "", sizeof t->reason - 1);
}

static int victim(void *arg)
{
    struct trial *t = arg;
    struct coil_scope inner;

    if (t->cause->scopes == 0) {
        visit(t);
        return t->rc;
    }
    CHECK_OK(coil_scope_open_timeout(&t->scope, COIL_NEVER));
    if (t->cause->scopes == 2) {
        CHECK_OK(coil_scope_open_timeout(&inner, COIL_MINUTE));
        visit(t);
        CHECK_OK(coil_scope_close(&inner));
        t->between_rc = coil_yield();
    } else {
        visit(t);
    }
    t->close_rc = coil_scope_close(&t->scope);
    t->after_rc = coil_yield();
    return t->rc;
}

static struct coil_task *start_victim(struct trial *t)
{
    t->victim = coil_create_task(victim, t);
    return t->victim;
}

static void wait_until_there(struct trial *t)
{
    while (!t->is_there && !test_has_noticed()) {
        CHECK_OK(coil_yield()); /* no sleep: simulated time stands still while a task is busy */
    }
    yield_times(4);
}

/* --- who cancels --- */

static int another_task(void *arg)
{
    struct trial *t = arg;
    struct coil_task *task = start_victim(t);

    wait_until_there(t);
    CHECK_INT(coil_cancel_because(task, "row 31"), ==, 1);
    t->has_happened = true;
    CHECK_INT(coil_await(task), ==, t->rc);
    CHECK_STR(t->reason, "row 31");
    return 0;
}

static void cancel_victim(void *user)
{
    struct trial *t = user;

    CHECK_INT(coil_cancel(t->victim), ==, 1);
    t->has_happened = true;
}

static int a_callback(void *arg)
{
    struct trial *t = arg;
    struct coil_handle handle = {0};
    struct coil_task *task = start_victim(t);

    wait_until_there(t);
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, cancel_victim, t));
    CHECK_INT(coil_await(task), ==, t->rc);
    return 0;
}

static int a_scope_cancel(void *arg)
{
    struct trial *t = arg;
    struct coil_task *task = start_victim(t);

    wait_until_there(t);
    CHECK_OK(coil_scope_cancel(&t->scope));
    t->has_happened = true;
    CHECK_INT(coil_await(task), ==, t->rc);
    return 0;
}

static int a_deadline(void *arg)
{
    struct trial *t = arg;
    struct coil_task *task = start_victim(t);

    wait_until_there(t);
    CHECK_OK(coil_scope_reschedule(&t->scope, coil_now()));
    t->has_happened = true;
    CHECK_INT(coil_await(task), ==, t->rc);
    CHECK(coil_scope_is_expired(&t->scope));
    return 0;
}

static int fail_now(void *arg)
{
    (void)arg;
    return -EIO;
}

static int a_sibling(void *arg)
{
    struct trial *t = arg;
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, victim, t));
    wait_until_there(t);
    CHECK_OK(coil_group_spawn(&group, fail_now, NULL));
    t->has_happened = true;
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(coil_group_error_count(&group), ==, 1);
    return 0;
}

static int a_group_cancel(void *arg)
{
    struct trial *t = arg;
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, victim, t));
    wait_until_there(t);
    CHECK_OK(coil_group_cancel(&group));
    t->has_happened = true;
    CHECK_OK(coil_group_close(&group));
    return 0;
}

static int the_end_of_run(void *arg)
{
    struct trial *t = arg;

    coil_detach(start_victim(t));
    wait_until_there(t);
    t->has_happened = true;
    return 0;
}

static int interrupt_later(void *arg)
{
    struct trial *t = arg;

    wait_until_there(t);
    test_raise_sigint();
    t->has_happened = true;
    return 0;
}

static int an_interrupt(void *arg)
{
    coil_detach(coil_create_task(interrupt_later, arg));
    return victim(arg);
}

static int await_victim(void *arg)
{
    return coil_await(start_victim(arg));
}

static int the_awaiter(void *arg)
{
    struct trial *t = arg;
    struct coil_task *awaiter = coil_create_task(await_victim, t);

    wait_until_there(t);
    CHECK_INT(coil_cancel(awaiter), ==, 1);
    t->has_happened = true;
    CHECK_INT(coil_await(awaiter), ==, t->rc);
    return 0;
}

static const struct cause causes[] = {
    {.row = 31, .error = -ECANCELED, .play = another_task},
    {.row = 32, .error = -ECANCELED, .play = a_callback},
    {.row = 33, .error = -ECANCELED, .play = a_scope_cancel, .scopes = 1},
    {.row = 34, .error = -ETIMEDOUT, .play = a_deadline, .scopes = 1},
    {.row = 35, .error = -ETIMEDOUT, .play = a_deadline, .scopes = 2},
    {.row = 36, .error = -ECANCELED, .play = a_sibling},
    {.row = 37, .error = -ECANCELED, .play = a_group_cancel},
    {.row = 38, .error = -ECANCELED, .play = the_end_of_run, .ends_all = true},
    {.row = 39, .error = -ECANCELED, .play = an_interrupt, .is_interrupt = true},
    {.row = 40, .error = -ECANCELED, .play = the_awaiter},
};

/* --- each place with each cause --- */

static const struct place places[] = {
    {2, in_yield, -1},
    {4, in_sleep, -1},
    {5, in_await, -1},
    {6, in_shared_await, -1},
    {7, in_shielded_await, -1},
    {8, in_await_of_a_stubborn_task, RESULT},
    {9, in_gather, -1},
    {10, in_wait, -1},
    {11, in_wait_for, -1},
    {12, in_as_completed, -1},
    {13, in_group_close, -1},
    {14, in_group_body, -1},
    {15, in_group_start, -1},
    {16, in_map, -1},
    {17, in_race, -1},
    {18, in_channel_recv, -1},
    {19, in_channel_send, -1},
    {20, in_event_wait, -1},
    {21, in_future_wait, -1},
    {22, in_recv, -1},
    {23, in_thread, RESULT},
    {24, in_the_queue_for_a_thread, -1},
    {25, in_shield, 0},
    {61, in_lock, -1},
    {62, in_semaphore, -1},
    {63, in_condition, -1},
    {64, in_barrier, -1},
    {65, in_queue_get, -1},
    {66, in_queue_put, -1},
    {67, in_queue_join, -1},
    {68, in_select, -1},
    {69, in_signal_next, -1},
    {70, in_process_wait, -1},
    {71, in_process_communicate, -1},
    {72, in_process_read, -1},
    {73, in_process_write, -1},
    {74, in_process_run, -1},
    {75, in_open, -1},
    {76, in_fsync, -1, .is_thread = true},
    {77, in_file_write, -1},
    {78, in_dir_next, -1},
    {79, in_sendfile, -1},
    {80, in_file_watch, -1},
    {81, in_datagram_recv, -1, .is_real = true},
    {82, in_datagram_recv_batch, -1, .is_real = true},
    {83, in_datagram_send, -1, .is_real = true},
    {84, in_datagram_send_batch, -1, .is_real = true},
    {85, in_serve_forever, -1},
    {86, in_server_close, -1},
    {87, in_server_shutdown, -1},
};

static void try_out(const struct place *place, const struct cause *cause)
{
    struct coil_run_options options = {.loop.max_threads = 1, .main_stack_size = 1024 * 1024};
    int error = cause->error;
    int expected;

    printf("row %d, row %d\n", place->row, cause->row); /* seen when it fails */
    fflush(stdout);
    memset(&trial, 0, sizeof trial);
    trial.place = place;
    trial.cause = cause;
    for (int i = 0; i < 3; i++) {
        trial.child_rcs[i] = UNTOUCHED;
    }
    expected = !cause->is_interrupt ? 0 : place->gives >= 0 ? place->gives : -EINTR;
    CHECK_ERR(coil_run_with(&options, cause->play, &trial), expected);
    CHECK_ERR(trial.rc, place->gives >= 0 ? place->gives : error);
    CHECK_ERR(trial.next_rc, error);
    if (cause->scopes > 0) {
        CHECK_ERR(trial.close_rc, error);
        CHECK_ERR(trial.after_rc, 0);
    }
    if (cause->scopes == 2) {
        CHECK_ERR(trial.between_rc, error);
    }
}

/* --- the rows that need a play of their own --- */

static int be_told(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

/* B3: an unstarted body never runs. */
static void row_1(void)
{
    bool has_run = false;
    struct coil_task *task = coil_create_task(be_told, &has_run);

    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK(!has_run);
}

static int cancel_itself(void *arg)
{
    (void)arg;
    CHECK_INT(coil_cancel(coil_current_task()), ==, 1);
    CHECK_INT(coil_cancelling(coil_current_task()), ==, 1);
    return coil_yield();
}

static void row_3(void)
{
    CHECK_ERR(coil_await(coil_create_task(cancel_itself, NULL)), -ECANCELED);
}

static int wait_for_event(void *arg)
{
    int rc = coil_event_wait(arg);

    CHECK_ERR(coil_yield(), -ECANCELED);
    return rc;
}

/* Completed wins: what was there before the cancel is returned. */
static void row_26(void)
{
    struct coil_event event = {0};
    struct coil_task *task = coil_create_task(wait_for_event, &event);

    yield_times(1);
    CHECK_OK(coil_event_set(&event));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_OK(coil_await(task));
}

static void row_27(void)
{
    struct coil_task *task = coil_create_task(task_return, &(int){5});

    yield_times(1);
    CHECK_INT(coil_cancel(task), ==, 0);
    CHECK_INT(coil_cancelling(task), ==, 0);
    CHECK_INT(coil_await(task), ==, 5);
}

static int sleep_in_scope(void *arg)
{
    struct coil_scope *scope = arg;
    int rc;

    CHECK_OK(coil_scope_open_timeout(scope, COIL_NEVER));
    rc = coil_sleep(COIL_NEVER);
    CHECK_OK(coil_scope_close(scope));
    CHECK_ERR(coil_yield(), -ECANCELED);
    return rc;
}

static void row_51(void)
{
    struct coil_scope scope;
    struct coil_task *task = coil_create_task(sleep_in_scope, &scope);

    yield_times(1);
    CHECK_OK(coil_scope_cancel(&scope)); /* as a deadline that passes now would do */
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
}

static int note_reason(void *arg)
{
    int rc = coil_sleep(COIL_NEVER);

    CHECK_STR(coil_cancel_reason(), "first");
    CHECK_STR(coil_cancel_origin()->func, "row_52");
    *(int *)arg = coil_cancelling(coil_current_task());
    return rc;
}

static void row_52(void)
{
    int requests = 0;
    struct coil_task *task = coil_create_task(note_reason, &requests);

    yield_times(1);
    CHECK_INT(coil_cancel_because(task, "first"), ==, 1);
    CHECK_INT(coil_cancel_because(task, "second"), ==, 1);
    CHECK_INT(coil_uncancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(requests, ==, 1);
}

static int go_on(void *arg)
{
    int rc = coil_sleep(COIL_NEVER);

    *(int *)arg = coil_yield();
    return rc;
}

/* B5 */
static void row_53(void)
{
    int next_rc = 1;
    struct coil_task *task = coil_create_task(go_on, &next_rc);

    yield_times(1);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_uncancel(task), ==, 0);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(next_rc, 0);
}

/* B5: reaching 0 clears a cancel that was not delivered yet. */
static void row_54(void)
{
    bool has_run = false;
    struct coil_task *task = coil_create_task(be_told, &has_run);

    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_uncancel(task), ==, 0);
    CHECK_OK(coil_await(task));
    CHECK(has_run);
}

static void row_55(void)
{
    struct coil_task *self = coil_current_task();

    coil_shield {
        CHECK_INT(coil_cancel(self), ==, 1);
        CHECK_OK(coil_yield());
        CHECK_INT(coil_uncancel(self), ==, 0);
    }
    CHECK_OK(coil_yield());
}

static int fail_in_cleanup(void *arg)
{
    (void)arg;
    coil_sleep(COIL_NEVER);
    return -EPIPE;
}

static int hold_group(void *arg)
{
    struct coil_group group;

    (void)arg;
    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, fail_in_cleanup, NULL));
    CHECK_ERR(coil_sleep(COIL_NEVER), -ECANCELED);
    return coil_group_close(&group);
}

static void row_56(void)
{
    struct coil_task *task = coil_create_task(hold_group, NULL);

    yield_times(2);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -EPIPE);
}

/* A call on a file that goes on in a thread or in the kernel: done as a whole, or not begun. */
static void row_88(void)
{
    for (enum file_call call = 0; call < FILE_CALLS; call++) {
        for (int head_start = 1; head_start < 6; head_start++) {
            race_file_call(call, head_start);
        }
    }
}

static const struct special {
    int row;
    void (*play)(void);
} specials[] = {
    {1, row_1},   {3, row_3},   {26, row_26}, {27, row_27}, {51, row_51}, {52, row_52},
    {53, row_53}, {54, row_54}, {55, row_55}, {56, row_56}, {88, row_88},
};

static int run_special(void *arg)
{
    ((const struct special *)arg)->play();
    return 0;
}

/* --- the tests --- */

#define COUNT(array) (sizeof(array) / sizeof *(array))

COIL_TEST_LIMIT(cancel_every_place_by_every_cause, 60)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        bool can_go = !(places[i].is_real && test_backend_is("sim")) &&
                      !(places[i].is_thread && test_backend_is("uring"));

        for (size_t j = 0; can_go && j < COUNT(causes) && !test_has_noticed(); j++) {
            if (!test_is_torture() || (i + j) % 4 == 0) {
                try_out(&places[i], &causes[j]);
            }
        }
    }
}

COIL_TEST(cancel_special_cases)
{
    for (size_t i = 0; i < COUNT(specials) && !test_has_noticed(); i++) {
        printf("row %d\n", specials[i].row);
        CHECK_OK(coil_run(run_special, (void *)(uintptr_t)&specials[i]));
    }
}

static bool is_tested(int row)
{
    bool found = false;

    for (size_t i = 0; i < COUNT(places); i++) {
        found |= places[i].row == row;
    }
    for (size_t i = 0; i < COUNT(causes); i++) {
        found |= causes[i].row == row;
    }
    for (size_t i = 0; i < COUNT(specials); i++) {
        found |= specials[i].row == row;
    }
    return found;
}

/* The document and this file name the same rows. */
COIL_TEST(cancel_table_is_the_documents)
{
    FILE *file = fopen(TEST_SOURCE_ROOT "/docs/cancellation.md", "r");
    size_t documented = 0;
    char line[500];

    CHECK_MSG(file != NULL, "docs/cancellation.md cannot be read");
    while (fgets(line, sizeof line, file)) {
        int row = 0;

        if (sscanf(line, "| %d |", &row) == 1) {
            CHECK_MSG(is_tested(row), "row %d of docs/cancellation.md is not tested", row);
            documented++;
        }
    }
    fclose(file);
    CHECK_INT(documented, ==, COUNT(places) + COUNT(causes) + COUNT(specials));
}
