/* chat.c - a chat server. Many people connect with nc or telnet, and see what the others type.
 *
 *     chat [PORT]                 7001 if none is given
 *     nc localhost 7001           say your name, then talk; /who lists who is there, /quit leaves
 *
 * Each client has two tasks: one reads what it types, the other one writes what it is to see.
 * Between them stands a channel, the client's outbox: whoever says something puts a copy into the
 * outbox of everybody else, which never waits. All tasks share one thread, so the list of clients
 * needs no lock: nothing changes it but between two calls that suspend.
 *
 * Memory is bounded. An outbox holds OUTBOX_LINES; a client that does not read is dropped when its
 * outbox is full, or when it has not taken a line for PATIENCE.
 */
#include <coil.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (10 * COIL_SEC)

enum {
    MAX_CLIENTS = 1000,
    OUTBOX_LINES = 64,
    LINE_SIZE = 256, /* of what is typed; longer lines are cut into several */
    NAME_SIZE = 21,
};

struct message {
    char text[LINE_SIZE + NAME_SIZE + 16]; /* with its '\n' and '\0' */
};

struct client {
    struct coil_stream *stream;
    struct coil_channel outbox; /* of struct message */
    struct coil_group group;    /* its writer */
    char name[NAME_SIZE];
    bool is_dropped; /* it does not read */
    struct client *next;
};

struct room {
    struct client *clients;
    size_t count;
};

/* --- the room --- */

/* Puts a message, given as to printf, into the outbox of everybody but its author. Does not
 * suspend. */
__attribute__((format(printf, 3, 4))) static void tell_others(struct room *room,
                                                              const struct client *author,
                                                              const char *format, ...)
{
    struct message message;
    va_list args;

    va_start(args, format);
    vsnprintf(message.text, sizeof message.text, format, args);
    va_end(args);
    for (struct client *c = room->clients; c; c = c->next) {
        if (c != author && coil_channel_try_send(&c->outbox, &message) == -EAGAIN) {
            c->is_dropped = true;
            coil_group_cancel(&c->group); /* ends what its two tasks wait for */
        }
    }
}

static bool is_taken(const struct room *room, const char *name)
{
    for (const struct client *c = room->clients; c; c = c->next) {
        if (strcmp(c->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void enter_room(struct room *room, struct client *me)
{
    me->next = room->clients;
    room->clients = me;
    room->count++;
    tell_others(room, me, "* %s has come\n", me->name);
}

static void leave_room(struct room *room, struct client *me)
{
    struct client **link = &room->clients;

    while (*link != me) {
        link = &(*link)->next;
    }
    *link = me->next;
    room->count--;
    tell_others(room, me, "* %s has left\n", me->name);
}

/* --- one client --- */

/* Writes a text, but does not wait for ever for somebody who does not read. */
static int say(struct client *me, const char *text)
{
    ssize_t rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = coil_stream_write(me->stream, text, strlen(text));
    }
    return rc < 0 ? (int)rc : 0;
}

/* Reads a line without its end; what might upset a terminal becomes a '?'. Returns its length, or
 * -COIL_ECLOSED when the client has hung up. */
static ssize_t hear(struct client *me, char *line, size_t size)
{
    ssize_t count = coil_stream_read_line(me->stream, line, size);

    if (count == -COIL_ELIMIT) { /* too long: take what there is room for */
        count = coil_stream_read(me->stream, line, size - 1);
    }
    if (count <= 0) {
        return count < 0 ? count : -COIL_ECLOSED;
    }
    while (count > 0 && (line[count - 1] == '\n' || line[count - 1] == '\r')) {
        count--;
    }
    line[count] = '\0';
    for (ssize_t i = 0; i < count; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    return count;
}

static int ask_name(struct room *room, struct client *me)
{
    char line[LINE_SIZE];

    for (;;) {
        int rc = say(me, "Your name? ");
        ssize_t size = rc < 0 ? rc : hear(me, line, sizeof line);

        if (size < 0) {
            return (int)size;
        }
        if (size == 0 || size >= NAME_SIZE || strchr(line, ' ') || line[0] == '/') {
            rc = say(me, "A name is one word of up to 20 letters.\n");
        } else if (is_taken(room, line)) {
            rc = say(me, "That name is taken.\n");
        } else {
            memcpy(me->name, line, (size_t)size + 1);
            return 0;
        }
        if (rc < 0) {
            return rc;
        }
    }
}

static int tell_who(struct room *room, struct client *me)
{
    char text[4096];
    int size = snprintf(text, sizeof text, "%zu here:", room->count);

    for (const struct client *c = room->clients; c; c = c->next) {
        if ((size_t)size + NAME_SIZE + 8 > sizeof text) {
            size += snprintf(text + size, sizeof text - (size_t)size, " ...");
            break;
        }
        size += snprintf(text + size, sizeof text - (size_t)size, " %s", c->name);
    }
    snprintf(text + size, sizeof text - (size_t)size, "\n");
    return say(me, text);
}

/* Reads what the client types until it leaves. */
static int read_lines(struct room *room, struct client *me)
{
    char line[LINE_SIZE];
    ssize_t size;
    int rc = 0;

    while (rc == 0 && (size = hear(me, line, sizeof line)) >= 0) {
        if (strcmp(line, "/quit") == 0) {
            return say(me, "Goodbye.\n");
        }
        if (strcmp(line, "/who") == 0) {
            rc = tell_who(room, me);
        } else if (line[0] == '/') {
            rc = say(me, "There is /who and /quit.\n");
        } else if (size > 0) {
            tell_others(room, me, "%s: %s\n", me->name, line);
            rc = coil_yield(); /* lets the writers empty their outboxes before the next line */
        }
    }
    return rc < 0 ? rc : (int)size;
}

/* The second task of a client: writes what comes into its outbox, until that is closed. */
static int write_messages(void *arg)
{
    struct client *me = arg;
    struct message message;
    int rc = 0;

    while (rc == 0 && coil_channel_recv(&me->outbox, &message) == 0) {
        rc = say(me, message.text);
    }
    return rc; /* an error ends the group, and with it the task that reads */
}

/* Being in the room. Returns -ECANCELED when the server ends. */
static int take_part(struct room *room, struct client *me)
{
    int rc = coil_channel_init(&me->outbox, sizeof(struct message), OUTBOX_LINES);

    if (rc < 0) {
        return rc;
    }
    coil_group_open(&me->group);
    coil_group_spawn(&me->group, write_messages, me);
    enter_room(room, me);
    read_lines(room, me);
    leave_room(room, me);
    coil_channel_close(&me->outbox); /* the writer ends when it has written what is left */
    rc = coil_group_close(&me->group);
    coil_channel_deinit(&me->outbox);
    return rc;
}

/* The first task of a client. However it leaves is no error of the server's. */
static int serve_client(struct coil_stream *stream, void *user)
{
    struct client me = {.stream = stream};
    int rc = ask_name(user, &me);

    if (rc == 0) {
        rc = take_part(user, &me);
    }
    if (me.is_dropped || rc == -ETIMEDOUT) {
        printf("dropped %s: it does not read\n", me.name);
        coil_stream_abort(stream);
    } else if (rc == -ECANCELED) {
        coil_shield { /* this task is cancelled; to say goodbye it may still wait, for a moment */
            coil_timeout(1 * COIL_SEC) {
                coil_stream_write(stream, "* The server ends. Goodbye.\n", 28);
                coil_stream_close(stream);
            }
        }
    } else {
        coil_timeout(PATIENCE) {
            coil_stream_close(stream);
        }
    }
    return 0;
}

/* --- the server --- */

static int amain(void *arg)
{
    struct coil_server_options options = {.max_clients = MAX_CLIENTS};
    struct room room = {0};
    uint16_t *port = arg;

    printf("chatting on port %d\n", *port);
    return coil_serve("localhost", *port, &options, serve_client, &room);
}

int main(int argc, char **argv)
{
    long number = argc > 1 ? strtol(argv[1], NULL, 10) : 7001;
    uint16_t port = (uint16_t)number;
    int rc;

    if (number < 1 || number > 65535) {
        fprintf(stderr, "usage: chat [PORT]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line at a time, also into a file */
    rc = coil_run(amain, &port);
    if (rc < 0 && rc != -EINTR) {
        fprintf(stderr, "chat: %s\n", coil_strerror(rc));
        return 1;
    }
    printf("goodbye\n");
    return 0;
}
