/* What the parts of the harness share. */
#ifndef COIL_TESTS_INTERNAL_H
#define COIL_TESTS_INTERNAL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define HARNESS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HARNESS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HARNESS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HARNESS_TSAN 1
#endif
#endif
#ifndef HARNESS_ASAN
#define HARNESS_ASAN 0
#endif
#ifndef HARNESS_TSAN
#define HARNESS_TSAN 0
#endif

enum fault_kind {
    FAULT_NONE,
    FAULT_ALLOC,         /* the n-th allocation */
    FAULT_ALLOC_FOREVER, /* the n-th allocation and all after it */
    FAULT_SYSCALL,       /* the n-th system call */
    FAULT_KINDS,
};

extern const char *const fault_kind_names[FAULT_KINDS];

/* How far the faults have come. All processes of a run share it: one fault hits one of them. */
struct fault_state {
    atomic_uint_fast64_t seen;      /* calls of the armed kind */
    _Atomic(const char *) injected; /* the function that was made to fail */
};

/* What a run of a test tells the process that started it; in shared memory. */
struct report {
    struct fault_state fault;
    bool finished;     /* the function returned */
    bool check_failed; /* a check failed; in a soft run it may have gone on */
    bool skipped;
    bool leaked;
    char skip_reason[200];
};

/* One run of a function in a process of its own. */
struct run {
    void (*fn)(void *arg);
    void *arg;
    double time_limit; /* seconds, factor included */
    double patience;   /* after so long, a soft run that a check noticed gets a SIGINT; 0: never */
    enum fault_kind fault_kind;
    uint64_t fault_at; /* 0: only count */
    bool soft;         /* checks that fail after a fault do not end the run */
    bool trace;        /* record the stack of each allocation */
    bool own_group;    /* put the process into a group of its own */
    bool raw_output;   /* do not capture */
    bool inspect_hang; /* show where it hangs, if gdb is there */

    /* Results. */
    struct report *report; /* from run_init to run_deinit */
    pid_t pid;             /* from run_start on */
    double started;        /* as of now_seconds */
    int status;            /* as of waitpid */
    bool timed_out;
    bool was_interrupted; /* the SIGINT was sent */
    int output_fd;        /* what it wrote */
    double seconds;
};

void run_init(struct run *run);
void run_deinit(struct run *run);
void run_execute(struct run *run);

/* Several runs at a time: between begin, which blocks SIGCHLD, and end, each is started and asked
 * until it has ended (one that takes too long is ended by the question); wait returns when one
 * may have. */
void runs_begin(sigset_t *ret_mask);
void runs_end(const sigset_t *mask);
void run_start(struct run *run, const sigset_t *mask);
bool run_has_ended(struct run *run);
void runs_wait(struct run *const *runs, int count);
/* Runs it in this process, as far as the checks at the end. */
void run_in_process(struct run *run);
/* One line on how it ended badly; false if it ended well. */
bool run_explain(const struct run *run, char *text, size_t text_size);
void run_print_output(const struct run *run);
/* Names a signal: "SIGSEGV". */
const char *signal_name(int number);

/* The report of the run this process is; never NULL (a dummy outside a run). */
struct report *current_report(void);
bool current_is_soft(void);
double time_factor(void);

/* Leaks: called around the function under test. */
void leak_begin(bool trace);
/* Prints what was left behind; true if something was. */
bool leak_end(void);

/* Faults. The gates are called by the wrappers: 0, or the errno to fail with. */
void fault_set_state(struct fault_state *state);
void fault_arm(enum fault_kind kind, uint64_t n);
/* In a run of a torture, ends the test as skipped. */
void fault_leave_torture(void);
int fault_gate_alloc(const char *name);
int fault_gate(unsigned index);

/* Torture of one test: bad runs are printed as they come. `run` says what to run, and how. */
struct torture_sums {
    int runs;
    int failures;
    int wrecks;            /* ended early after a failed check: forgiven; leaks not seen */
    char skip_reason[200]; /* empty: not skipped */
};
struct torture_sums torture_run(const char *program, const char *name, const struct run *run,
                                int jobs, bool verbose);
int torture_jobs(void);

void helpers_cleanup(void);
double now_seconds(void);

#endif
