/* live.c - see live.h. Each listener has two tasks: the handler's receives, so that it notices when
 * the other side goes, and one beside it sends what comes into the listener's outbox.
 */
#include "live.h"

#include <coil.h>
#include <coil/websocket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OUTBOX_SIZE = 64, MAX_LISTENERS = 10000, TRY_AGAIN_LATER = 1013 };

/* One text for all who are told: it is freed by the last one. */
struct event {
    size_t holders;
    size_t size;
    char text[];
};

struct listener {
    struct coil_websocket *ws;
    struct coil_channel outbox; /* of struct event * */
    bool is_slow;
    struct listener *next;
};

static void release(struct event *event)
{
    if (--event->holders == 0) {
        free(event);
    }
}

void live_tell(struct live *live, const char *text, size_t size)
{
    struct event *event = malloc(sizeof *event + size);

    if (!event) {
        return; /* who listens asks for all notes when it connects again */
    }
    event->holders = 1;
    event->size = size;
    memcpy(event->text, text, size);
    for (struct listener *l = live->listeners; l; l = l->next) {
        event->holders++;
        if (l->is_slow || coil_channel_try_send(&l->outbox, &event) < 0) {
            event->holders--;
            l->is_slow = true;
            coil_channel_close(&l->outbox);
        }
    }
    release(event);
}

static int send_events(void *arg)
{
    struct listener *me = arg;
    struct event *event;
    int rc = 0;

    while (rc == 0 && !me->is_slow && coil_channel_recv(&me->outbox, &event) == 0) {
        rc = coil_websocket_send_text(me->ws, event->text, event->size);
        release(event);
    }
    if (me->is_slow) {
        coil_websocket_close(me->ws, TRY_AGAIN_LATER, "too slow");
    }
    return 0; /* the one who receives learns from the WebSocket how it has ended */
}

static void leave(struct live *live, struct listener *me)
{
    struct listener **at = &live->listeners;
    struct event *event;

    while (*at != me) {
        at = &(*at)->next;
    }
    *at = me->next;
    live->count--;
    coil_channel_close(&me->outbox);
    while (coil_channel_try_recv(&me->outbox, &event) == 0) {
        release(event);
    }
}

static int follow(struct live *live, struct listener *me)
{
    struct coil_websocket_message message;
    struct coil_group group = {0};
    int rc;

    me->next = live->listeners;
    live->listeners = me;
    live->count++;
    coil_group_open(&group);
    coil_group_spawn(&group, send_events, me);
    while ((rc = coil_websocket_receive(me->ws, &message)) > 0) {
        /* There is nothing to be told by those who listen. */
    }
    leave(live, me);
    coil_group_close(&group);
    return rc;
}

int live_serve(struct live *live, struct coil_http_exchange *exchange)
{
    struct listener me = {0};
    int rc;

    if (live->count == MAX_LISTENERS) {
        return coil_http_reply(exchange, 503, "text/plain", "Too many listen.\n", 17);
    }
    rc = coil_websocket_accept(exchange, NULL, &me.ws);
    if (rc <= 0) {
        return rc;
    }
    rc = coil_channel_init(&me.outbox, sizeof(struct event *), OUTBOX_SIZE);
    if (rc == 0) {
        rc = follow(live, &me);
        coil_channel_deinit(&me.outbox);
    }
    /* A listener that has gone is no error of the server's. */
    return rc == -ECONNRESET || rc == -COIL_EINCOMPLETE || rc == -ETIMEDOUT ? 0 : rc;
}
