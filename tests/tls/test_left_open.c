/* In debug mode a TLS stream that is open when its loop ends is told, and once: the stream below it
 * is its own. */
#include "tls_pair.h"

#include "../harness/reports.h"

static struct cast cast;
static struct coil_tls_context *contexts[2];
static struct coil_stream *peer;

static int leave_one(void *arg)
{
    struct end ends[2];

    open_pair(&cast, NULL, NULL, ends);
    contexts[0] = ends[0].context;
    contexts[1] = ends[1].context;
    peer = ends[SERVER].stream;
    coil_stream_abort(peer);
    if (*(bool *)arg) {
        coil_stream_abort(ends[CLIENT].stream);
    }
    return 0;
}

COIL_TEST_LIMIT(left_open_tls_stream, 60)
{
    bool closes = false;

    make_cast(&cast);
    run_in_debug_mode(leave_one, &closes);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a stream is still open when its loop ends", NULL);
    coil_tls_context_free(contexts[0]);
    coil_tls_context_free(contexts[1]);
    closes = true;
    run_in_debug_mode(leave_one, &closes);
    CHECK_INT(reports.count, ==, 0);
    coil_tls_context_free(contexts[0]);
    coil_tls_context_free(contexts[1]);
    free_cast(&cast);
}
