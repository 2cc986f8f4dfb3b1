/* A conversation over the simulated network, and what it has seen: for tests of coil/testing.h.
 *
 * Two clients each send numbered lines to an echo server and read them back, checking every byte.
 */
#ifndef COIL_TESTS_DEBUG_NETWORK_TALK_H
#define COIL_TESTS_DEBUG_NETWORK_TALK_H

#include "fault.h"
#include "in_task.h"

#include <coil/testing.h>

#include <stdio.h>
#include <time.h>

enum { TALK_PORT = 4000, TALK_LINES = 20, TALK_CLIENTS = 2, TALK_LINE = 400 };

struct talk_plan {
    int lines;      /* 0: TALK_LINES */
    int expected;   /* an error with which a client may end; 0: none */
    bool tolerates; /* any error */
};

/* Of all runs since the last talk_with. */
static struct {
    int runs; /* of clients */
    int dialled;
    int broken; /* ended with the expected error, */
    int broken_after_dial;
    int short_reads;
    int64_t shortest_ns; /* from a line to its echo */
    int64_t longest_ns;
    uint64_t digest; /* of everything that happened, and when */
} talked;

static inline void talk_note(uint64_t event)
{
    talked.digest = (talked.digest ^ event ^ (uint64_t)coil_now()) * UINT64_C(0x100000001b3);
}

static inline int talk_serve(struct coil_stream *stream, __attribute__((unused)) void *user)
{
    char buf[TALK_LINE];
    ssize_t size;

    while ((size = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        talked.short_reads += size < TALK_LINE;
        talk_note((uint64_t)size);
        if (coil_stream_write(stream, buf, (size_t)size) < 0) {
            break;
        }
    }
    return 0;
}

static inline int talk_line(struct coil_stream *stream, int number)
{
    char line[TALK_LINE];
    char echo[TALK_LINE] = {0};
    int64_t begin = coil_now();
    int64_t took;
    ssize_t rc;

    memset(line, 'a' + number, sizeof line);
    rc = coil_stream_write(stream, line, sizeof line);
    if (rc >= 0) {
        rc = coil_stream_read_exactly(stream, echo, sizeof echo, NULL);
    }
    if (rc < 0) {
        return (int)rc;
    }
    CHECK_MEM(echo, line, sizeof line);
    took = coil_now() - begin;
    talked.shortest_ns = took < talked.shortest_ns ? took : talked.shortest_ns;
    talked.longest_ns = took > talked.longest_ns ? took : talked.longest_ns;
    talk_note((uint64_t)number);
    return 0;
}

static inline int talk_client(void *arg)
{
    const struct talk_plan *plan = *(struct talk_plan **)arg;
    int lines = plan->lines ? plan->lines : TALK_LINES;
    struct coil_stream *stream = NULL;
    int rc = coil_open_connection("127.0.0.1", TALK_PORT, NULL, &stream);

    talked.runs++;
    talked.dialled += rc >= 0;
    if (rc >= 0) {
        coil_timeout(60 * COIL_MINUTE) { /* a peer that has given up says nothing */
            for (int i = 0; i < lines && rc >= 0; i++) {
                rc = talk_line(stream, i);
            }
        }
        talked.broken_after_dial += rc < 0;
        coil_stream_abort(stream);
    }
    if (rc < 0 && (plan->tolerates || plan->expected)) {
        talk_note((uint64_t)-rc);
        talked.broken += rc == plan->expected;
        return 0;
    }
    return rc;
}

/* The test itself. arg: struct talk_plan. */
static inline int talk(void *arg)
{
    struct coil_task *tasks[TALK_CLIENTS];
    struct coil_server *server;
    int rc = coil_start_server("127.0.0.1", TALK_PORT, NULL, talk_serve, NULL, &server);

    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i < TALK_CLIENTS; i++) {
        tasks[i] = coil_create_task_copy(talk_client, &arg, sizeof arg);
    }
    rc = coil_gather(tasks, TALK_CLIENTS, NULL);
    coil_server_abort_clients(server);
    coil_server_cancel_clients(server);
    coil_server_close(server);
    return rc;
}

/* Runs it with so many seeds; a client may end with that error (0: none). */
static inline struct coil_test_counts talk_with(const struct coil_test_network *network,
                                                unsigned seeds, int expected)
{
    struct coil_test_options options = {.seed_count = seeds};
    struct coil_test_result result = {0};
    struct talk_plan plan = {.expected = expected};

    unsetenv("COIL_SEED");
    memset(&talked, 0, sizeof talked);
    talked.shortest_ns = COIL_NEVER;
    if (network) {
        options.network = *network;
    }
    CHECK_INT(coil_test_seeds(&options, talk, &plan, &result), ==, 0);
    CHECK_INT(result.runs, ==, seeds);
    return result.counts;
}

/* A digest of all that happens with this seed under faults of all kinds. */
static inline uint64_t trace_of(uint64_t seed)
{
    struct coil_test_options options = {
        .seed = seed,
        .network =
            {
                .latency_min_ns = 1 * COIL_USEC,
                .latency_max_ns = 5 * COIL_MSEC,
                .loss_ppm = 20000,
                .reset_ppm = 500,
                .short_ppm = 300000,
                .wait_ppm = 300000,
            },
    };
    struct talk_plan plan = {.expected = -ECONNRESET};

    memset(&talked, 0, sizeof talked);
    CHECK_OK(coil_test_run(&options, talk, &plan));
    return talked.digest;
}

#endif
