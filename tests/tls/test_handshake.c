/* Handshakes that are cancelled, too slow, or run out of memory or system calls (E15). */
#include "fault.h"
#include "tls_pair.h"

/* --- cancels and deadlines --- */

/* The peer never answers. */
TASK_TEST(handshake_deadlines)
{
    struct cast cast;

    make_cast(&cast);
    for (int i = 0; i < 4; i++) {
        struct end ends[2];
        char buf[512];

        open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
        if (i < 2) { /* the option; a deadline of the caller's */
            ends[i].options.handshake_timeout_ns = 5 * COIL_MSEC;
            run_end(&ends[i]);
            CHECK_ERR(ends[i].rc, -ETIMEDOUT);
            CHECK_STR(ends[i].failure.text, "the TLS handshake was not done in time");
        } else {
            coil_timeout(5 * COIL_MSEC) {
                run_end(&ends[i - 2]);
            }
            CHECK_ERR(ends[i - 2].rc, -ETIMEDOUT);
        }
        CHECK_ERR(coil_stream_read(ends[i % 2].lower, buf, 1), -COIL_ECLOSED);
        while (coil_stream_read(ends[1 - i % 2].lower, buf, sizeof buf) > 0) {
        }
        coil_stream_abort(ends[1 - i % 2].lower);
        free_contexts(ends);
    }
    free_cast(&cast);
    return 0;
}

TASK_TEST(handshake_has_a_deadline_by_default)
{
    struct cast cast;
    struct end ends[2];
    int64_t start;

    if (!test_backend_is("sim")) {
        test_skip("it takes a minute of real time");
    }
    make_cast(&cast);
    open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
    start = coil_now();
    run_end(&ends[SERVER]);
    CHECK_ERR(ends[SERVER].rc, -ETIMEDOUT);
    CHECK_INT(coil_now() - start, >=, COIL_MINUTE);
    CHECK_INT(coil_now() - start, <, 2 * COIL_MINUTE);
    coil_stream_abort(ends[CLIENT].lower);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

/* A cancel after so many iterations, on either side: nothing is left behind, and the other side
 * notices. */
TASK_TEST(handshake_cancelled_at_any_time)
{
    struct cast cast;

    make_cast(&cast);
    for (int who = 0; who < 2; who++) {
        for (int steps = 0; steps < 12; steps++) {
            struct coil_task *tasks[2];
            struct end ends[2];

            open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
            for (int i = 0; i < 2; i++) {
                tasks[i] = coil_create_task(run_end, &ends[i]);
                ends[i].rc = -ECANCELED;
            }
            yield_times(steps);
            coil_cancel(tasks[who]);
            for (int turn = 0; turn < 2; turn++) {
                int i = turn == 0 ? who : 1 - who;
                int rc = coil_await(tasks[i]);

                if (i == who && rc < 0) { /* it never ran */
                    CHECK_ERR(rc, -ECANCELED);
                    coil_stream_abort(ends[i].lower);
                }
                if (ends[i].rc == 0) {
                    coil_stream_abort(ends[i].stream);
                } else if (i == who) {
                    CHECK_ERR(ends[i].rc, -ECANCELED);
                }
            }
            free_contexts(ends);
        }
    }
    free_cast(&cast);
    return 0;
}

/* Started in a cancelled task: the stream is used up all the same. */
static int start_cancelled(void *arg)
{
    coil_cancel(coil_current_task());
    return run_end(arg);
}

TASK_TEST(handshake_in_a_cancelled_task)
{
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
    CHECK_OK(coil_await(coil_create_task(start_cancelled, &ends[CLIENT])));
    CHECK_ERR(ends[CLIENT].rc, -ECANCELED);
    CHECK_ERR(coil_stream_flush(ends[CLIENT].lower), -COIL_ECLOSED);
    run_end(&ends[SERVER]);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSTRUNCATED);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

static void start_in_callback(void *user)
{
    struct end *end = user;

    end->rc = coil_tls_start(end->lower, end->context, NULL, &end->stream);
}

TASK_TEST(handshake_outside_of_a_task)
{
    struct coil_handle handle = {0};
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, start_in_callback, &ends[CLIENT]));
    yield_times(2);
    CHECK_ERR(ends[CLIENT].rc, -COIL_ENOTASK);
    CHECK_ERR(coil_stream_flush(ends[CLIENT].lower), -COIL_ECLOSED);
    coil_stream_abort(ends[SERVER].lower);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

/* --- faults --- */

/* Everything once: a handshake, data both ways, queries, the end. Faults make it return early. */
static int whole_story(void *arg)
{
    const struct cast *cast = arg;
    struct coil_tls_certificate *certificate = NULL;
    struct coil_tls_context *contexts[2] = {NULL, NULL};
    struct coil_stream *lower[2] = {NULL, NULL};
    struct coil_task *task;
    struct end ends[2];
    char buf[8];

    coil_tls_context_new(&(struct coil_tls_context_options){.ca = cast->authority.certificate_pem},
                         &contexts[CLIENT]);
    coil_tls_context_new(
        &(struct coil_tls_context_options){.is_server = true,
                                           .certificate = cast->server.certificate_pem,
                                           .key = cast->server.key_pem},
        &contexts[SERVER]);
    if (contexts[CLIENT] && contexts[SERVER] &&
        coil_stream_pair(&(struct coil_stream_options){.high_water = 500}, lower) == 0) {
        for (int i = 0; i < 2; i++) {
            ends[i] = (struct end){.lower = lower[i], .context = contexts[i]};
        }
        ends[CLIENT].options.server_name = "localhost";
        task = coil_create_task_at(COIL_HERE, run_end, &ends[SERVER]);
        coil_timeout(50 * COIL_MSEC) {
            run_end(&ends[CLIENT]);
            if (task) {
                coil_await(task);
            } else {
                coil_stream_abort(ends[SERVER].lower);
            }
            if (ends[CLIENT].stream && ends[SERVER].stream) {
                coil_stream_write(ends[CLIENT].stream, "hello", 5);
                coil_stream_read(ends[SERVER].stream, buf, sizeof buf);
                coil_tls_get_certificate(ends[CLIENT].stream, &certificate);
                coil_stream_write_eof(ends[SERVER].stream);
            }
            coil_stream_close(ends[CLIENT].stream);
        }
        coil_stream_abort(ends[CLIENT].stream);
        coil_stream_abort(ends[SERVER].stream);
    }
    coil_tls_certificate_free(certificate);
    coil_tls_context_free(contexts[CLIENT]);
    coil_tls_context_free(contexts[SERVER]);
    return 0;
}

static void run_story(void *arg)
{
    coil_run(whole_story, arg);
}

COIL_TEST_LIMIT(handshake_and_all_under_faults, 120)
{
    struct cast cast;

    make_cast(&cast);
    torture(run_story, &cast);
    free_cast(&cast);
}
