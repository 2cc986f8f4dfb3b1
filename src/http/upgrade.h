/* upgrade.h - a connection, or a stream of HTTP/2, that switches to WebSocket: all that the server
 * and its WebSockets need of each other. */
#ifndef COIL__HTTP_UPGRADE_H
#define COIL__HTTP_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>

struct coil__http_connection;
struct coil__websocket_carrier;
struct coil_http_exchange;
struct coil_websocket;

/* --- for WebSockets --- */

/* An extended CONNECT of HTTP/2 (RFC 8441): neither Upgrade nor a key is needed. */
bool coil__http_is_connect(struct coil_http_exchange *exchange);

/* HTTP/1.0, or a request with a body: neither can be switched. */
bool coil__http_is_upgradable(const struct coil_http_exchange *exchange);

/* What the WebSocket will stand on. */
void coil__http_carrier(struct coil_http_exchange *exchange,
                        struct coil__websocket_carrier *ret_carrier);

/* Answers 101; HTTP/2: 200. lines: field lines, each with its end. Then the connection (or the
 * stream) is the WebSocket's, which gets what was received behind the head, and is freed by the
 * server. 0, or an error as coil_http_reply: then it is still the caller's. */
int coil__http_upgrade(struct coil_http_exchange *exchange, const char *lines, size_t size,
                       struct coil_websocket *ws);

/* Answers a request that is refused, and says that another protocol would have been welcome: 426
 * (RFC 9110, section 15.5.22); in HTTP/2, which knows no Upgrade, 400. */
int coil__http_ask_for_upgrade(struct coil_http_exchange *exchange, const char *text);

/* --- for the server --- */

/* The handler has returned: closes its WebSocket, if there is one. What it has returned; or 0, if
 * that is the peer's fault. */
int coil__http_end_upgrade(struct coil_http_exchange *exchange, int rc);

/* The server closes. */
void coil__http_upgrade_go_away(struct coil__http_connection *conn);

#endif
