/* websocket_chat.c - a chat in the browser: each line goes to all.
 *
 *     websocket_chat [PORT]      8080; 0 picks one
 *
 *     GET /             the page
 *     GET /chat?NAME    the WebSocket
 *
 * The room is a list under a lock: it does not change while somebody sends to all of it. Who does
 * not read for a second is broken off, so that nobody holds up the others. SIGINT tells everybody
 * that the server goes away.
 */
#include <coil.h>
#include <coil/websocket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, NAME = 32 };

struct member {
    struct member *next;
    struct coil_websocket *ws;
    char name[NAME];
};

struct room {
    struct coil_lock lock;
    struct member *members;
};

static const char page[] =
    "<!DOCTYPE html><meta charset=utf-8><title>Chat</title>\n"
    "<style>body{font:16px sans-serif;max-width:40em;margin:2em auto}input{width:100%}</style>\n"
    "<h1>Chat</h1><div id=log></div><form id=form><input id=line autofocus></form>\n"
    "<script>\n"
    "const name = prompt('Your name?') || 'somebody';\n"
    "const url = location.href.replace(/^http/, 'ws').replace(/\\/[^\\/]*$/, '/chat?');\n"
    "const ws = new WebSocket(url + encodeURIComponent(name));\n"
    "const show = text => log.append(Object.assign(document.createElement('p'),\n"
    "                                              {textContent: text}));\n"
    "ws.onmessage = event => show(event.data);\n"
    "ws.onclose = event => show('The end (' + event.code + ').');\n"
    "form.onsubmit = () => { ws.send(line.value); line.value = ''; return false; };\n"
    "</script>\n";

/* A member to whom it cannot be sent finds out when it receives. */
static void tell_all(struct room *room, const char *name, const char *text)
{
    char line[NAME + LINE + 4];
    int size = snprintf(line, sizeof line, "%s: %s", name, text);

    coil_with_lock(&room->lock)
    {
        for (struct member *member = room->members; member; member = member->next) {
            coil_websocket_send_text(member->ws, line, (size_t)size);
        }
    }
}

static void leave(struct room *room, struct member *member)
{
    coil_shield {
        coil_with_lock(&room->lock)
        {
            struct member **place = &room->members;

            while (*place != member) {
                place = &(*place)->next;
            }
            *place = member->next;
        }
        tell_all(room, member->name, "has left");
    }
}

static int chat(struct coil_http_exchange *exchange, struct room *room)
{
    struct coil_websocket_options options = {.max_message = LINE, .write_timeout_ns = COIL_SEC};
    const char *name = coil_http_query(exchange);
    struct coil_websocket_message message;
    struct member member = {0};
    int rc = coil_websocket_accept(exchange, &options, &member.ws);

    if (rc <= 0) {
        return rc;
    }
    snprintf(member.name, sizeof member.name, "%s", name && *name ? name : "somebody");
    coil_shield {
        coil_with_lock(&room->lock)
        {
            member.next = room->members;
            room->members = &member;
        }
    }
    tell_all(room, member.name, "is here");
    while ((rc = coil_websocket_receive(member.ws, &message)) > 0) {
        if (message.is_text) {
            tell_all(room, member.name, message.data);
        }
    }
    leave(room, &member);
    return rc;
}

static int handle(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    if (strcmp(path, "/") == 0) {
        return coil_http_reply(exchange, 200, "text/html", page, sizeof page - 1);
    }
    if (strcmp(path, "/chat") == 0) {
        return chat(exchange, user);
    }
    return coil_http_reply(exchange, 404, "text/plain", "There is nothing here.\n", 23);
}

static int serve(void *arg)
{
    struct room room = {0};
    struct coil_http_server *server;
    int rc = coil_http_server_start(NULL, *(const uint16_t *)arg, NULL, handle, &room, &server);

    if (rc < 0) {
        fprintf(stderr, "websocket_chat: %s\n", coil_strerror(rc));
        return rc;
    }
    printf("listening on port %d\n", coil_http_server_get_port(server));
    fflush(stdout);
    coil_sleep(COIL_NEVER); /* until SIGINT cancels it */
    coil_shield {
        rc = coil_http_server_close(server, 5 * COIL_SEC);
    }
    return rc;
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 8080;

    return coil_run(serve, &port) < 0;
}
