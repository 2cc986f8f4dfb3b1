/* One run of a test: a forked process with a time limit, whose output is kept, and the verdict. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "internal.h"

enum { MOST_LATE = 2 }; /* seconds beyond what was asked for: a machine that has much to do */

static struct report dummy_report;
static struct report *report = &dummy_report;
static bool soft_run;

void *__real_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t size);

struct report *current_report(void)
{
    return report;
}

bool current_is_soft(void)
{
    return soft_run;
}

double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double time_factor(void)
{
    const char *text = getenv("COIL_TEST_TIMEOUT_FACTOR");
    double factor = text ? strtod(text, NULL) : 1;

    if (factor <= 0) {
        factor = 1;
    }
    if (test_has_valgrind()) {
        factor *= 20;
    } else if (test_has_tsan() || test_is_emulated()) {
        factor *= 5;
    } else if (test_has_asan()) {
        factor *= 3;
    }
    return factor;
}

void run_init(struct run *run)
{
    run->report = __real_mmap64(NULL, sizeof *run->report, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run->output_fd = memfd_create("test-output", MFD_CLOEXEC);
    if (run->report == MAP_FAILED || run->output_fd < 0) {
        perror("harness");
        exit(2);
    }
}

void run_deinit(struct run *run)
{
    __real_munmap(run->report, sizeof *run->report);
    close(run->output_fd);
}

void run_in_process(struct run *run)
{
    report = run->report;
    soft_run = run->soft;
    fault_set_state(&report->fault);
    leak_begin(run->trace);
    if (run->fault_kind != FAULT_NONE) {
        fault_arm(run->fault_kind, run->fault_at);
    }
    run->fn(run->arg);
    fault_off();
    report->finished = true;
    helpers_cleanup();
    report->leaked = leak_end();
    fflush(NULL);
}

static _Noreturn void child_main(struct run *run, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (run->own_group) {
        setpgid(0, 0);
    }
    if (!run->raw_output) {
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(run->output_fd, STDOUT_FILENO);
        dup2(run->output_fd, STDERR_FILENO);
        close(null);
        setvbuf(stdout, NULL, _IOLBF, 0);
    }
    close(run->output_fd);
    signal(SIGINT, SIG_DFL); /* a shell's background jobs inherit it ignored */
    sigprocmask(SIG_SETMASK, mask, NULL);
    run_in_process(run);
    _exit(run->report->leaked || run->report->check_failed);
}

static bool has_exited(pid_t pid, int *ret_status)
{
    pid_t ended = waitpid(pid, ret_status, WNOHANG);

    if (ended == 0 || (ended < 0 && errno == EINTR)) {
        return false;
    }
    if (ended < 0) {
        *ret_status = 0;
    }
    return true;
}

/* A second at most: the test itself may take SIGCHLD away from a nested wait. */
static void wait_for_child(double seconds)
{
    sigset_t chld;

    seconds = seconds > 1 ? 1 : seconds;
    struct timespec timeout = {.tv_sec = (time_t)seconds,
                               .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigtimedwait(&chld, NULL, &timeout);
}

/* Asks gdb where the process hangs; its answer goes where the output of the test goes. */
static void show_hang(const struct run *run, pid_t pid)
{
    char text[32];
    int status;

    if (access("/usr/bin/gdb", X_OK) != 0 || test_has_valgrind() || test_is_emulated()) {
        return;
    }
    snprintf(text, sizeof text, "%d", (int)pid);
    pid_t gdb = fork();
    if (gdb == 0) {
        if (!run->raw_output) {
            dup2(run->output_fd, STDOUT_FILENO);
            dup2(run->output_fd, STDERR_FILENO);
        }
        execl("/usr/bin/gdb", "gdb", "-q", "-nx", "-batch", "-p", text, "-ex",
              "thread apply all bt 30", (char *)NULL);
        _exit(127);
    }
    double deadline = now_seconds() + 20;
    while (gdb > 0 && !has_exited(gdb, &status)) {
        if (now_seconds() > deadline) {
            kill(gdb, SIGKILL);
        }
        wait_for_child(1);
    }
}

void runs_begin(sigset_t *ret_mask)
{
    sigset_t chld;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, ret_mask);
}

void runs_end(const sigset_t *mask)
{
    sigprocmask(SIG_SETMASK, mask, NULL);
}

void run_start(struct run *run, const sigset_t *mask)
{
    memset(run->report, 0, sizeof *run->report);
    run->timed_out = false;
    run->was_interrupted = false;
    run->started = now_seconds();
    if (ftruncate(run->output_fd, 0) < 0 || lseek(run->output_fd, 0, SEEK_SET) < 0) {
        perror("harness");
    }
    fflush(NULL);
    run->pid = fork();
    if (run->pid < 0) {
        perror("harness: fork");
        exit(2);
    }
    if (run->pid == 0) {
        child_main(run, mask);
    }
}

static bool is_lenient(const struct run *run)
{
    return run->soft && run->report->check_failed;
}

/* When something is to be done about it, if it has not ended by then. A run that goes on after a
 * failed check has shown that it noticed; it need not be waited for as long as one that may. */
static double deadline_of(const struct run *run)
{
    double limit = run->time_limit;

    if (run->patience > 0 && is_lenient(run)) {
        limit = run->was_interrupted ? 2 * run->patience + 1 : run->patience;
        limit = limit < run->time_limit ? limit : run->time_limit;
    }
    return run->started + limit;
}

/* It waits for what a fault has kept from coming. SIGINT cancels the first task of a loop, and so
 * brings most tests to their end; what they then leave behind is seen. */
static void interrupt(struct run *run)
{
    run->was_interrupted = true;
    kill(run->pid, SIGINT);
}

bool run_has_ended(struct run *run)
{
    if (!has_exited(run->pid, &run->status)) {
        if (now_seconds() < deadline_of(run)) {
            return false;
        }
        if (run->patience > 0 && is_lenient(run) && !run->was_interrupted) {
            interrupt(run);
            return false;
        }
        run->timed_out = true;
        if (run->inspect_hang && !is_lenient(run)) {
            show_hang(run, run->pid);
        }
        kill(run->pid, SIGKILL);
        waitpid(run->pid, &run->status, 0);
    }
    if (run->own_group) {
        kill(-run->pid, SIGKILL);
    }
    run->seconds = now_seconds() - run->started;
    return true;
}

/* A tenth of a second at most: a check that fails moves the deadline. Time in which this process
 * did not run either (a machine that was suspended) is not the tests': their clocks start later. */
void runs_wait(struct run *const *runs, int count)
{
    double now = now_seconds();
    double left = 0.1;
    double lost;

    for (int i = 0; i < count; i++) {
        double until = deadline_of(runs[i]) - now;
        left = until < left ? until : left;
    }
    if (left > 0) {
        wait_for_child(left);
    }
    lost = now_seconds() - now - MOST_LATE;
    for (int i = 0; i < count && lost > 0; i++) {
        runs[i]->started += lost;
    }
}

void run_execute(struct run *run)
{
    sigset_t mask;

    runs_begin(&mask);
    run_start(run, &mask);
    while (!run_has_ended(run)) {
        runs_wait(&run, 1);
    }
    runs_end(&mask);
}

const char *signal_name(int number)
{
    static char text[32];
    const char *name = sigabbrev_np(number);

    snprintf(text, sizeof text, "SIG%s", name ? name : "?");
    return text;
}

bool run_explain(const struct run *run, char *text, size_t text_size)
{
    const struct report *r = run->report;

    if (run->timed_out) {
        snprintf(text, text_size, "still running after %.1f s", run->time_limit);
    } else if (WIFSIGNALED(run->status)) {
        snprintf(text, text_size, "killed by %s", signal_name(WTERMSIG(run->status)));
    } else if (r->skipped) {
        return false;
    } else if (r->check_failed) {
        snprintf(text, text_size, "a check failed");
    } else if (!r->finished) {
        snprintf(text, text_size, "the process ended early, with code %d",
                 WEXITSTATUS(run->status));
    } else if (r->leaked) {
        snprintf(text, text_size, "it left something behind");
    } else if (WEXITSTATUS(run->status) != 0) {
        snprintf(text, text_size, "the process ended with code %d", WEXITSTATUS(run->status));
    } else {
        return false;
    }
    return true;
}

void run_print_output(const struct run *run)
{
    char buf[4096];
    ssize_t size;
    bool at_start = true;

    fflush(stdout);
    lseek(run->output_fd, 0, SEEK_SET);
    while ((size = read(run->output_fd, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            if (at_start) {
                fputs("    ", stdout);
            }
            putchar(buf[i]);
            at_start = buf[i] == '\n';
        }
    }
    if (!at_start) {
        putchar('\n');
    }
    fflush(stdout);
}
