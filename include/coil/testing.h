/* coil/testing.h - tests that take no time, see faults, and can be replayed to the letter.
 *
 *     static int transfers_keep_the_sum(void *arg)   // a test: a first task, as for coil_run
 *     {
 *         ...
 *         return sum == 100 ? 0 : -EIO;              // < 0: it has failed
 *     }
 *
 *     int main(void)
 *     {
 *         return coil_test_seeds(NULL, transfers_keep_the_sum, NULL) != 0;
 *     }
 *
 * A test runs on the simulated backend:
 *   - its clock is virtual, and jumps to the next timer when nobody can run: coil_sleep(an hour)
 *     takes a microsecond. coil_now and coil_loop_now tell it; nothing but waiting moves it;
 *   - its network is memory: sockets, streams and servers of TCP and AF_UNIX, any address and any
 *     port, no privileges, and nobody outside of the test. It is as slow and as bad as the options
 *     say. Names that are no address and not "localhost" are still asked of the system;
 *   - who is ready runs in an order that is drawn from the seed, and so is everything else that
 *     real life leaves open: which packet is lost, who wins when a cancel meets a result.
 * The same seed gives the same run, event by event, in every process and on every machine. A race
 * that shows once in a thousand runs is found by a thousand seeds, and then stays found: what is
 * printed of a failure has a line to replay it, COIL_SEED=12345 ./test.
 *
 * What stays real: threads (coil_to_thread), child processes, signals, files, pipes and all other
 * descriptors of the system, the clocks of the C library. While work runs in threads or children
 * the virtual clock keeps real time; a run that depends on such things is not the seed's alone, and
 * may differ when it is replayed. So may one that looks at addresses in memory, at the
 * environment, or at memory that was never written.
 *
 * These functions are in libcoil, and a program that does not call them does not pay for them;
 * this header is not part of coil.h because it is for tests only. asyncio has no counterpart.
 */
#ifndef COIL_TESTING_H
#define COIL_TESTING_H

#include <coil/base.h>
#include <coil/run.h>
#include <coil/task.h>

/* How slow and how bad the simulated network is. All-zero: neither. What ends in _ppm is a chance
 * in parts per million: 0 never, 10,000 one in a hundred, 1,000,000 always. AF_UNIX and pairs in
 * memory know neither latency nor loss; stream pairs (coil_stream_pair) are no sockets at all. */
struct coil_test_network {
    /* From send to arrival, drawn for each packet between the two, in order within a connection's
     * direction. A connect takes two. latency_max_ns 0: latency_min_ns. */
    int64_t latency_min_ns;
    int64_t latency_max_ns;

    /* A packet is lost. Bytes are not: as TCP does, it is sent again after 200 ms, and after twice
     * as long each time it is lost again (a packet of a connect: after 1 s, 2 s, ...), so that a
     * loss is a delay, for everything behind it as well. What was lost 16 times in a row breaks the
     * connection: -ETIMEDOUT for the sender, and nothing at all for the other end; a connect gives
     * up after 127 s. 1,000,000 is thus a network that is cut. */
    uint32_t loss_ppm;

    /* A send or receive finds the connection reset, at both ends: -ECONNRESET, what was under way
     * is gone. Also on AF_UNIX, as if the peer had died. */
    uint32_t reset_ppm;

    /* A send or receive moves only a part of what it could. */
    uint32_t short_ppm;

    /* A send, receive or accept that could be done at once waits first, so that others run. */
    uint32_t wait_ppm;
};

/* How a test runs. All-zero: seed 1 (or COIL_SEED), a perfect network, at most a day. */
struct coil_test_options {
    uint64_t seed;    /* 0: COIL_SEED from the environment, else 1. coil_test_seeds: the first */
    bool in_order;    /* who is ready runs first in first out, as on a real backend */
    bool is_quiet;    /* prints nothing */
    const char *name; /* in what is printed; NULL: "test" */
    struct coil_test_network network;

    /* The most virtual time that a test may take: then it hangs, is cancelled, and has failed with
     * -COIL_EHANG. A test in which all wait for what cannot come any more is there at once.
     * 0: a day; COIL_NEVER: no limit, and no hang is ever found. */
    int64_t max_time_ns;

    /* Before a hang is pronounced: real time in which a thread, a signal or a descriptor that the
     * loop knows nothing of may still wake it. 0: a second. */
    int64_t patience_ns;

    /* The most iterations of the loop without virtual time passing: a hang, too, of tasks that call
     * and never wait. 0: 10 million. */
    uint64_t max_rounds;

    struct coil_run_options run; /* loop.backend and loop.seed are ignored */

    /* coil_test_seeds only: */
    unsigned seed_count; /* how many in a row; 0: 1,000 */
    bool goes_on;        /* does not stop at the first that fails */
    /* Each seed in a forked process of its own: a crash, an assert, an exit is a failure like any
     * other, with its seed. What the test writes to memory is not seen by the caller then. The
     * calling process should have no threads. */
    bool own_process;
};

/* What the simulated network has done. */
struct coil_test_counts {
    uint64_t packets; /* sent, the repeated ones not counted */
    uint64_t losses;
    uint64_t resets;
    uint64_t short_transfers;
    uint64_t waits; /* by wait_ppm */
};

/* What coil_test_seeds has found. The first_ fields are valid if `failed` > 0. */
struct coil_test_result {
    unsigned runs;   /* seeds that were run, */
    unsigned failed; /* and of them those whose test returned < 0 */
    uint64_t first_seed;
    int first_error;       /* what the test returned with it; -COIL_EHANG, -COIL_EWORKERDIED */
    int64_t first_time_ns; /* the virtual time it took until then; 0 if it died */
    struct coil_test_counts counts; /* of all runs together */
};

COIL_BEGIN_DECLS

/* Runs fn(arg) as coil_run does, as the first task of a new loop, on the simulated backend with one
 * seed, whatever COIL_BACKEND says. options: may be NULL; not kept. Returns what fn returned, or:
 *   -COIL_EHANG     it has not ended within max_time_ns; a sentence and the tasks that were left go
 *                   to stderr. They have been cancelled and awaited. One that goes on waiting or
 *                   spinning even so, for as long again, is left where it is, with its memory;
 *   -EINVAL         options that make no sense; fn NULL; COIL_SEED is asked for and is no number
 *                   from 1 to 2^64 - 1, which is said on stderr;
 *   -COIL_ENESTED   inside a loop that runs: a test in a test;
 *   -ENOMEM, -EMFILE and what else coil_run has. */
COIL_EXPORT int coil_test_run(const struct coil_test_options *options, coil_task_fn fn, void *arg);

/* Runs the test with options->seed_count seeds in a row, from options->seed on, until one fails.
 * Prints that seed to stderr, what the test has returned, and the line to replay it. With COIL_SEED
 * in the environment only that seed is run. ret_result: what was found; may be NULL.
 * Returns how many seeds have failed: 0 if all have passed, so that
 * assert(coil_test_seeds(...) == 0) fits any framework. Errors of its own as coil_test_run,
 * of which -COIL_EHANG is none here: it is a seed that has failed; SIGINT ends it with -EINTR.
 * A test must not leave its function by longjmp; an assertion that ends the process, or may, wants
 * own_process. */
COIL_EXPORT int coil_test_seeds(const struct coil_test_options *options, coil_task_fn fn, void *arg,
                                struct coil_test_result *ret_result);

/* A number from 0 to bound - 1 of the seed's sequence: for choices of the test's own, so that they
 * are replayed too. 0 when bound is 0, and outside of a test. */
COIL_EXPORT uint64_t coil_test_random(uint64_t bound);

/* What the network of the running test has done so far. -COIL_ENOLOOP: no loop runs; -ENOTSUP: it
 * is a real one; -EINVAL (NULL). */
COIL_EXPORT int coil_test_get_counts(struct coil_test_counts *ret_counts);

COIL_END_DECLS

#endif
