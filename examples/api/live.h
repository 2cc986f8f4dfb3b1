/* live.h - tells browsers and programs what happens, over WebSockets, as it happens. */
#ifndef LIVE_H
#define LIVE_H

#include <coil/http_server.h>

struct listener;

/* All-zero: nobody listens. */
struct live {
    struct listener *listeners;
    size_t count;
    bool is_ending;
};

/* Tells all listeners a text. Does not wait for them: who has not taken the last ones is dropped.
 */
void live_tell(struct live *live, const char *text, size_t size);

/* A handler's work: makes a WebSocket of the request and serves it until one side ends it. */
COIL_SUSPENDS int live_serve(struct live *live, struct coil_http_exchange *exchange);

#endif
