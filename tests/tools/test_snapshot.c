/* What coil ps reads from outside is what coil_capture_tasks says inside; and memory that lies or
 * changes does it no harm. The process that is looked at is the test's own. */
#include "in_task.h"

#include "layout.h"
#include "show.h"
#include "snapshot.h"
#include "target.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- readers --- */

/* How often a read comes to harm, one in so many; 0: never. */
struct liar {
    uint64_t state;
    unsigned refusals;
    unsigned lies;
    int64_t count;
};

static uint64_t draw(struct liar *liar)
{
    liar->state = liar->state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return liar->state >> 33;
}

static int read_self(uint64_t address, void *to, size_t size)
{
    struct iovec here = {.iov_base = to, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};

    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static int read_with_lies(void *user, uint64_t address, void *to, size_t size)
{
    struct liar *liar = user;
    char *bytes = to;

    liar->count++;
    if (liar->refusals > 0 && draw(liar) % liar->refusals == 0) {
        return -EFAULT;
    }
    if (read_self(address, to, size) < 0) {
        return -EFAULT;
    }
    while (liar->lies > 0 && size > 0 && draw(liar) % liar->lies == 0) {
        size_t at = draw(liar) % size;

        if (draw(liar) % 2 == 0) {
            bytes[at] = (char)draw(liar);
        } else {
            at &= ~(size_t)7;
            for (size_t i = at; i < at + 8 && i < size; i++) {
                bytes[i] = (char)(draw(liar) % 4 == 0 ? draw(liar) : 0);
            }
        }
    }
    return 0;
}

static struct liar honest;
static const struct memory own_memory = {.read = read_with_lies, .user = &honest};

/* --- tasks of all kinds --- */

static struct coil_lock lock;
static struct coil_event event;
static int ends[2] = {-1, -1};

static int hold(void *arg)
{
    (void)arg;
    coil_lock_acquire(&lock);
    coil_event_wait(&event);
    return coil_lock_release(&lock);
}

static int want(void *arg)
{
    (void)arg;
    coil_lock_acquire(&lock);
    return coil_lock_release(&lock);
}

static int receive(void *arg)
{
    char byte;

    (void)arg;
    return (int)coil_recv(ends[0], &byte, 1, 0);
}

static int shielded(void *arg)
{
    (void)arg;
    coil_shield {
        coil_event_wait(&event);
    }
    return 0;
}

static int await_it(void *arg)
{
    return coil_await(arg);
}

static int lead(void *arg)
{
    struct coil_task *tasks[3];

    (void)arg;
    tasks[0] = coil_create_task(hold, NULL);
    tasks[1] = coil_create_task(want, NULL);
    tasks[2] = coil_create_task(want, NULL);
    return coil_gather(tasks, 3, NULL);
}

static int64_t hour = 60 * COIL_MINUTE;

static struct coil_task *named(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name, .site = COIL_HERE};

    return test_made(coil_task_create(&options, fn, arg));
}

/* Leaves them waiting, and two that have not begun. */
static void populate(void)
{
    struct coil_task *target;

    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    coil_detach(coil_create_task(lead, NULL));
    coil_detach(coil_create_task(task_sleep, &hour));
    coil_detach(coil_create_task(task_forever, NULL));
    coil_detach(named("receiver", receive, NULL));
    target = named("target", shielded, NULL);
    coil_detach(named("first", await_it, target));
    coil_detach(named("second", await_it, target));
    yield_times(4);
    coil_cancel(target);
    yield_times(4);
    coil_detach(named("fresh\033[2J", task_forever, NULL));
    coil_detach(coil_create_task(task_forever, NULL));
}

static void depopulate(void)
{
    coil_event_set(&event);
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    yield_times(8);
    if (ends[0] >= 0) {
        close(ends[0]);
    }
}

/* --- inside and outside --- */

static void check_site(const struct coil_site *found, const struct coil_site *expected)
{
    CHECK_INT(found != NULL, ==, expected != NULL);
    if (found && expected) {
        CHECK_STR(found->file, expected->file);
        CHECK_STR(found->func, expected->func);
        CHECK_INT(found->line, ==, expected->line);
    }
}

static uint64_t id_of(const struct coil_task_info *info)
{
    return info ? info->id : 0;
}

static void check_ids(const struct coil_task_info *const *found, size_t count,
                      const struct coil_task_info *const *expected, size_t expected_count)
{
    CHECK_INT(count, ==, expected_count);
    for (size_t i = 0; i < count; i++) {
        CHECK_INT(found[i]->id, ==, expected[i]->id);
    }
}

static void check_frames(const struct coil_task_info *found, const struct coil_task_info *expected)
{
    if (expected->state != COIL_TASK_WAITING) {
        return; /* from outside a task that runs has none */
    }
    CHECK_INT(found->frame_count, ==, expected->frame_count);
    for (size_t i = 0; i < found->frame_count; i++) {
        CHECK_PTR(found->frames[i], ==, expected->frames[i]);
    }
}

static void check_task(const struct coil_task_info *found, const struct coil_task_info *expected)
{
    char name[sizeof expected->name];

    memcpy(name, expected->name, sizeof name);
    strings_clean(name);
    CHECK_INT(found->id, ==, expected->id);
    CHECK_STR(found->name, name);
    check_site(found->site, expected->site);
    CHECK_PTR(found->fn, ==, expected->fn);
    CHECK_INT(found->state, ==, expected->state);
    CHECK_INT(found->what != NULL, ==, expected->what != NULL);
    if (found->what) {
        CHECK_STR(found->what, expected->what);
    }
    CHECK_INT(found->fd, ==, expected->fd);
    CHECK_INT(found->until == COIL_NEVER, ==, expected->until == COIL_NEVER);
    CHECK_INT(found->until / COIL_MINUTE, >=, expected->until / COIL_MINUTE - 1);
    CHECK_INT(found->until / COIL_MINUTE, <=, expected->until / COIL_MINUTE + 1);
    CHECK_INT(found->waited_ns >= 0, ==, expected->waited_ns >= 0);
    CHECK_INT(found->waits_for_lock, ==, expected->waits_for_lock);
    CHECK_INT(found->has_lost_lock, ==, expected->has_lost_lock);
    CHECK_INT(id_of(found->holder), ==, id_of(expected->holder));
    CHECK_INT(found->cancel_error, ==, expected->cancel_error);
    CHECK_INT(found->is_cancel_shielded, ==, expected->is_cancel_shielded);
    check_site(found->cancel_site, expected->cancel_site);
    check_ids(found->awaiters, found->awaiter_count, expected->awaiters, expected->awaiter_count);
    check_ids(found->awaited, found->awaited_count, expected->awaited, expected->awaited_count);
}

static void check_graph(const struct coil_task_graph *found, const struct coil_task_graph *expected,
                        bool has_frames)
{
    CHECK_INT(found->count, ==, expected->count);
    for (size_t i = 0; i < found->count; i++) {
        check_task(&found->tasks[i], &expected->tasks[i]);
        if (has_frames) {
            check_frames(&found->tasks[i], &expected->tasks[i]);
        }
    }
    CHECK_INT(found->cycle_count, ==, expected->cycle_count);
}

TASK_TEST(snapshot_is_what_is_captured)
{
    struct coil_task_graph *expected;
    struct snapshot *snapshot;

    populate();
    CHECK_OK(coil_capture_tasks(&expected));
    CHECK_INT(layout_is_sane(&coil__layout), ==, true);
    CHECK_OK(snapshot_take(&own_memory, &coil__layout, getpid(), NULL, &snapshot));
    CHECK_INT(snapshot->count, ==, 1);
    CHECK_INT(snapshot->has_more_loops, ==, false);
    CHECK_INT(snapshot->loops[0].changing, ==, 0);
    CHECK_STR(snapshot->loops[0].backend, coil_loop_backend(coil_loop_current()));
    check_graph(&snapshot->loops[0].graph->public, expected, false);
    CHECK_STR(snapshot->loops[0].graph->public.tasks[expected->count - 2].name, "fresh?[2J");
    snapshot_free(snapshot);
    coil_task_graph_free(expected);
    depopulate();
    return 0;
}

/* libdw keeps what it has allocated until it is closed, and the harness fails what it likes. */
TASK_TEST(snapshot_has_the_same_stacks)
{
    struct coil_task_graph *expected;
    struct snapshot *snapshot;
    struct stacks *stacks;

    if (!stacks_are_there() || !coil__layout.context.root) {
        test_skip("no libdw, or no way to the frames of a suspended context");
    }
    if (test_is_torture()) {
        test_skip("libdw is not ours to be tortured");
    }
    populate();
    CHECK_OK(stacks_open(getpid(), &stacks));
    CHECK_OK(coil_capture_tasks(&expected));
    CHECK_OK(snapshot_take(&own_memory, &coil__layout, getpid(), stacks, &snapshot));
    check_graph(&snapshot->loops[0].graph->public, expected, true);
    snapshot_free(snapshot);
    coil_task_graph_free(expected);
    stacks_close(stacks);
    depopulate();
    return 0;
}

static int look_from_a_second_loop(void *arg)
{
    struct snapshot **ret_snapshot = arg;

    return snapshot_take(&own_memory, &coil__layout, getpid(), NULL, ret_snapshot);
}

static int run_second_loop(void *arg)
{
    return coil_run(look_from_a_second_loop, arg);
}

TASK_TEST(snapshot_has_the_loops_of_all_threads)
{
    struct snapshot *snapshot;
    struct snapshot *later;

    CHECK_OK(coil_to_thread(run_second_loop, &snapshot));
    CHECK_INT(snapshot->count, ==, 2);
    CHECK_OK(snapshot_take(&own_memory, &coil__layout, getpid(), NULL, &later));
    CHECK_INT(later->count, ==, 1);
    snapshot_free(later);
    CHECK_OK(snapshot_take(&own_memory, &coil__layout, getpid() + 1, NULL, &later));
    CHECK_INT(later->count, ==, 0); /* a loop that another process has made is a copy */
    snapshot_free(later);
    snapshot_free(snapshot);
    return 0;
}

/* --- lies --- */

/* Whatever stands in it can be printed. */
static void show(struct snapshot *snapshot)
{
    struct target target = {.name = "liar", .pid = 1};
    struct view view = {.target = &target, .snapshots = &snapshot, .count = 1};
    FILE *out = fopen("/dev/null", "w");

    CHECK_PTR(out, !=, NULL);
    CHECK_OK(show_table(out, &view));
    CHECK_OK(show_tree(out, &view));
    CHECK_OK(show_json(out, &view));
    fclose(out);
}

TASK_TEST(snapshot_survives_lies)
{
    struct liar liar = {.state = 1};
    struct memory memory = {.read = read_with_lies, .user = &liar};
    int rounds = test_is_torture() ? 10 : 1000;
    struct stacks *stacks = NULL;
    int taken = 0;

    populate();
    if (!test_is_torture()) {
        (void)stacks_open(getpid(), &stacks);
    }
    for (int i = 0; i < rounds; i++) {
        struct snapshot *snapshot;
        int rc;

        liar.state = (uint64_t)i + 1;
        liar.refusals = i % 3 == 0 ? 0 : 1u << (i % 11 + 1);
        liar.lies = i % 3 == 1 ? 0 : 1u << (i % 9 + 1);
        rc = snapshot_take(&memory, &coil__layout, 0, stacks, &snapshot);
        if (rc == 0) {
            taken++;
            if (taken % 8 == 0 && !test_is_torture()) {
                show(snapshot);
            }
            snapshot_free(snapshot);
        }
    }
    CHECK_INT(taken, >, 0);
    stacks_close(stacks);
    depopulate();
    return 0;
}

TASK_TEST(snapshot_survives_a_damaged_layout)
{
    struct liar liar = {.state = 7};
    int rounds = test_is_torture() ? 10 : 3000;
    int sane = 0;

    populate();
    for (int i = 0; i < rounds; i++) {
        struct coil__layout layout = coil__layout;
        struct snapshot *snapshot;
        size_t words = sizeof layout / sizeof(uint32_t);
        uint32_t word;

        for (int k = 0; k <= i % 3; k++) {
            word = (uint32_t)(draw(&liar) >> draw(&liar) % 32);
            memcpy((char *)&layout + draw(&liar) % words * sizeof word, &word, sizeof word);
        }
        if (!layout_is_sane(&layout)) {
            continue;
        }
        sane++;
        if (snapshot_take(&own_memory, &layout, 0, NULL, &snapshot) == 0) {
            snapshot_free(snapshot);
        }
    }
    CHECK_INT(sane, >, 0);
    depopulate();
    return 0;
}

/* --- where it begins --- */

TASK_TEST(layout_is_found_by_its_note)
{
    struct coil__layout layouts[MAX_LAYOUTS];
    struct failure failure;
    struct target target;
    size_t count;

    CHECK_INT(target_open(&target, getpid(), &failure), ==, STATUS_OK);
    CHECK_INT(target_find_layouts(&target, layouts, &count, &failure), ==, STATUS_OK);
    CHECK_INT(count, ==, 1);
    CHECK_INT(memcmp(&layouts[0], &coil__layout, sizeof layouts[0]), ==, 0);
    target_close(&target);
    return 0;
}

static uint64_t find_own_headers(void)
{
    struct failure failure;
    struct target target;
    struct coil__layout layouts[MAX_LAYOUTS];
    size_t count;
    uint64_t start = 0;

    if (target_open(&target, getpid(), &failure) == STATUS_OK &&
        target_find_layouts(&target, layouts, &count, &failure) == STATUS_OK) {
        for (size_t i = 0; i < target.object_count && start == 0; i++) {
            struct layout_finding finding = {.layouts = layouts, .max = 1};

            (void)layout_find(&target.memory, target.objects[i].start, &finding);
            start = finding.count > 0 ? target.objects[i].start : 0;
        }
    }
    target_close(&target);
    return start;
}

COIL_TEST(layout_find_survives_lies)
{
    struct liar liar = {.state = 1};
    struct memory memory = {.read = read_with_lies, .user = &liar};
    uint64_t start = find_own_headers();

    for (int i = 0; i < 10000 && !test_is_torture(); i++) {
        struct coil__layout layouts[2];
        struct layout_finding finding = {.layouts = layouts, .max = 2};

        liar.state = (uint64_t)i + 1;
        liar.lies = 1u << (i % 6);
        liar.lies = liar.lies < 2 ? 2 : liar.lies;
        liar.refusals = i % 2 ? 16 : 0;
        (void)layout_find(&memory, start, &finding);
        for (size_t k = 0; k < finding.count; k++) {
            CHECK_INT(layout_is_sane(&layouts[k]), ==, true);
        }
    }
}

COIL_TEST(target_says_what_is_wrong)
{
    struct failure failure = {.status = STATUS_OK};
    struct target target;

    CHECK_INT(target_open(&target, 0x7FFFFFFF, &failure), ==, STATUS_GONE);
    CHECK_STR(failure.text, "there is no process 2147483647");
    target_close(&target);
    CHECK_INT(target_open(&target, getpid(), &failure), ==, STATUS_OK);
    CHECK_INT(target_explain(&target, -EFAULT, &failure), ==, STATUS_FAILED);
    CHECK_INT(target_explain(&target, -EPERM, &failure), ==, STATUS_REFUSED);
    CHECK_INT(target_explain(&target, -ESRCH, &failure), ==, STATUS_GONE);
    target_close(&target);
}

COIL_TEST(strings_clean_leaves_utf8)
{
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {"plain", "plain"},
        {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC "
                                                             "\xF0\x9F\x98\x80"},
        {"\033[2J\n\x7F", "?[2J??"},
        {"\xC2\x9B", "??"},      /* a control character of eight bits */
        {"\xC0\xAF", "??"},      /* longer than it need be */
        {"\xED\xA0\x80", "???"}, /* half of a pair */
        {"\xE2\x82", "??"},      /* cut */
        {"\xF5\x80\x80\x80", "????"},
        {"\xFF", "?"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32] = "";

        memcpy(text, cases[i].from, strlen(cases[i].from));
        strings_clean(text);
        CHECK_STR(text, cases[i].to);
    }
}
