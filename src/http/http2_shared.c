/* http2_shared.c - what the connections of a service share: settings of nghttp2, buffers that are
 * full only between two suspensions, structs of streams that wait to be used again.
 *
 * nghttp2's own memory comes from malloc and not through base/memory.h: 1.52 frees a frame twice
 * when the queue for it cannot grow, so a fault there ends the process, whatever is done here. */
#include "http/http2.h"

#include "base/memory.h"

#include <errno.h>

/* --- what is shared --- */

/* Windows are opened as handlers read, and not by nghttp2. Priorities are those of RFC 9218. */
static int make_option(struct coil__http2_shared *shared)
{
    if (nghttp2_option_new(&shared->option) != 0) {
        return -ENOMEM;
    }
    nghttp2_option_set_no_auto_window_update(shared->option, 1);
    nghttp2_option_set_no_closed_streams(shared->option, 1);
    nghttp2_option_set_max_outbound_ack(shared->option, COIL__HTTP2_ACKS);
    return 0;
}

int coil__http2_share(struct coil__http_service *service)
{
    struct coil__http2_shared *shared = service->http2;

    if (shared) {
        return 0;
    }
    shared = coil__calloc(1, sizeof *shared);
    if (!shared) {
        return -ENOMEM;
    }
    coil__list_init(&shared->spare);
    shared->input = coil__malloc(COIL__HTTP2_INPUT);
    if (!shared->input || make_option(shared) < 0 ||
        nghttp2_session_callbacks_new(&shared->callbacks) != 0) {
        coil__http2_shared_free(shared);
        return -ENOMEM;
    }
    coil__http2_set_callbacks(shared->callbacks);
    service->http2 = shared;
    return 0;
}

void coil__http2_shared_free(struct coil__http2_shared *shared)
{
    if (!shared) {
        return;
    }
    shared->spare_count = COIL__HTTP2_SPARE; /* none is kept any more */
    COIL__LIST_FOREACH_SAFE(&shared->spare, link) {
        coil__list_remove(link);
        coil__http2_stream_destroy(COIL__CONTAINER(link, struct coil__http2_stream, link));
    }
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->option);
    coil__http_buffer_free(&shared->output);
    coil__free(shared->input);
    coil__free(shared);
}

/* --- budgets --- */

bool coil__http2_budget_take(struct coil__http2_budget *budget, unsigned burst, unsigned rate)
{
    int64_t cost = COIL_SEC / rate;
    int64_t full = burst * cost;
    int64_t now = coil_now();

    if (budget->at == 0 || now - budget->at >= full - budget->left_ns) {
        budget->left_ns = full;
    } else {
        budget->left_ns += now - budget->at;
    }
    budget->at = now;
    if (budget->left_ns < cost) {
        return false;
    }
    budget->left_ns -= cost;
    return true;
}
