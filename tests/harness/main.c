/* main() of every test program: the list of tests, the options, the summary. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

static struct test_case *first_test;

static struct {
    bool list;
    bool verbose;
    bool no_fork;
    bool torture;
    bool soft;
    bool trace;
    enum fault_kind fault_kind;
    uint64_t fault_at;
    char **names; /* NULL-terminated; empty: all */
} options;

static struct {
    int passed, failed, skipped;
} sums;

void test_register(struct test_case *self)
{
    struct test_case **at = &first_test;

    while (*at && (*at)->line < self->line) {
        at = &(*at)->next;
    }
    self->next = *at;
    *at = self;
}

static void call_test(void *arg)
{
    const struct test_case *test = arg;

    test->fn();
}

/* io_uring was asked for, and the kernel or a seccomp filter forbids it. */
static bool uring_is_missing(void)
{
    const char *env = getenv("COIL_BACKEND");

    if (!env || strcmp(env, "uring") != 0) {
        return false;
    }
    return syscall(SYS_io_uring_setup, 0, NULL) < 0 && (errno == ENOSYS || errno == EPERM);
}

static bool is_selected(const struct test_case *test)
{
    if (!options.names[0]) {
        return true;
    }
    for (char **name = options.names; *name; name++) {
        if (strcmp(*name, test->name) == 0) {
            return true;
        }
    }
    return false;
}

static void run_test(const struct test_case *test)
{
    struct run run = {
        .fn = call_test,
        .arg = (void *)test,
        .time_limit = test->time_limit * time_factor(),
        .fault_kind = options.fault_kind,
        .fault_at = options.fault_at,
        .soft = options.soft,
        .trace = options.trace,
        .own_group = true,
        .raw_output = options.verbose,
        .inspect_hang = true,
    };
    char text[200];

    run_init(&run);
    run_execute(&run);
    if (run_explain(&run, text, sizeof text)) {
        sums.failed++;
        printf("not ok %s: %s (%s:%d)\n", test->name, text, test->file, test->line);
        run_print_output(&run);
    } else if (run.report->skipped) {
        sums.skipped++;
        printf("skip %s: %s\n", test->name, run.report->skip_reason);
    } else {
        sums.passed++;
        printf("ok %s (%.0f ms)\n", test->name, run.seconds * 1000);
    }
    fflush(stdout);
    run_deinit(&run);
}

static void torture_test(const char *program, const struct test_case *test)
{
    double start = now_seconds();
    struct run run = {
        .fn = call_test,
        .arg = (void *)test,
        .time_limit = (test->time_limit < 10 ? test->time_limit : 10) * time_factor(),
        .soft = options.soft,
        .own_group = true,
        .inspect_hang = true,
    };
    struct torture_sums sum =
        torture_run(program, test->name, &run, torture_jobs(), options.verbose);
    char wrecks[40] = "";

    if (sum.wrecks) {
        snprintf(wrecks, sizeof wrecks, "%d of them forgiven, ", sum.wrecks);
    }
    if (sum.skip_reason[0]) {
        sums.skipped++;
        printf("skip %s: %s\n", test->name, sum.skip_reason);
        return;
    }
    if (sum.failures) {
        sums.failed++;
        printf("not ok %s: torture", test->name);
    } else {
        sums.passed++;
        printf("ok %s", test->name);
    }
    printf(" (%d runs, %s%.0f ms)\n", sum.runs, wrecks, (now_seconds() - start) * 1000);
    fflush(stdout);
}

static int run_without_fork(const struct test_case *test)
{
    struct run run = {.fn = call_test,
                      .arg = (void *)test,
                      .fault_kind = options.fault_kind,
                      .fault_at = options.fault_at,
                      .soft = options.soft,
                      .trace = options.trace};

    run_init(&run);
    run_in_process(&run);
    bool failed = run.report->leaked || run.report->check_failed;
    run_deinit(&run);
    printf("%s %s\n", failed ? "not ok" : "ok", test->name);
    return failed;
}

static void parse_fault(const char *text)
{
    const char *colon = strchr(text, ':');

    for (int kind = FAULT_ALLOC; colon && kind < FAULT_KINDS; kind++) {
        size_t len = strlen(fault_kind_names[kind]);
        if ((size_t)(colon - text) == len && memcmp(text, fault_kind_names[kind], len) == 0) {
            options.fault_kind = (enum fault_kind)kind;
            options.fault_at = strtoull(colon + 1, NULL, 10);
            return;
        }
    }
    fprintf(stderr, "--fault alloc:N, alloc-forever:N or syscall:N\n");
    exit(2);
}

static void parse_options(int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-l") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "-v") == 0) {
            options.verbose = true;
        } else if (strcmp(argv[i], "--no-fork") == 0) {
            options.no_fork = true;
        } else if (strcmp(argv[i], "--torture") == 0) {
            options.torture = true;
        } else if (strcmp(argv[i], "--torture-soft") == 0) {
            options.torture = true;
            options.soft = true;
        } else if (strcmp(argv[i], "--soft") == 0) {
            options.soft = true;
        } else if (strcmp(argv[i], "--trace") == 0) {
            options.trace = true;
        } else if (strcmp(argv[i], "--fault") == 0 && i + 1 < argc) {
            parse_fault(argv[++i]);
        } else {
            fprintf(stderr, "%s: unknown option %s (see tests/harness/harness.h)\n", argv[0],
                    argv[i]);
            exit(2);
        }
    }
    options.names = argv + i;
}

static bool is_known(const char *name)
{
    for (const struct test_case *test = first_test; test; test = test->next) {
        if (strcmp(test->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int run_all(const char *program)
{
    bool no_uring = uring_is_missing();

    for (const struct test_case *test = first_test; test; test = test->next) {
        if (!is_selected(test)) {
            continue;
        }
        if (options.list) {
            puts(test->name);
        } else if (no_uring) {
            printf("skip %s: io_uring is not to be had here\n", test->name);
            sums.skipped++;
        } else if (options.no_fork) {
            return run_without_fork(test);
        } else if (options.torture) {
            torture_test(program, test);
        } else {
            run_test(test);
        }
    }
    if (!options.list) {
        printf("%d passed, %d failed, %d skipped\n", sums.passed, sums.failed, sums.skipped);
    }
    return sums.failed > 0;
}

/* A shell has its background jobs ignore these. */
static void hear_interrupts(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    hear_interrupts();
    for (char **name = options.names; *name; name++) {
        if (!is_known(*name)) {
            fprintf(stderr, "%s: no test is called %s\n", argv[0], *name);
            return 2;
        }
    }
    if (options.no_fork && (!options.names[0] || options.names[1])) {
        fprintf(stderr, "%s: --no-fork takes the name of one test\n", argv[0]);
        return 2;
    }
    return run_all(argv[0]);
}
