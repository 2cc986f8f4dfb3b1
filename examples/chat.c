/* chat.c - a chat server. Many people connect with nc or telnet, and see what the others type.
 *
 *     chat [PORT [SECONDS]]       port 7001 and 5 seconds if none are given
 *     nc localhost 7001           say your name, then talk; /who lists who is there, /quit leaves
 *
 * Each client has two tasks: one reads what it types, the other one writes what it is to see.
 * Between them stands a channel, the client's outbox: whoever says something puts a copy into the
 * outbox of everybody else, which never waits. All tasks share one thread, so the list of clients
 * needs no lock: nothing changes it but between two calls that suspend.
 *
 * Memory is bounded. An outbox holds OUTBOX_LINES; a client that does not read is dropped when its
 * outbox is full, or when it has not taken a line for PATIENCE.
 *
 * Ctrl-C or SIGTERM ends the talk: nobody is heard any more, everybody gets what was said before
 * and a goodbye. Who has not taken that after SECONDS is cut off.
 */
#include <coil.h>

#include <errno.h>
#include <signal.h>
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
    struct coil_scope hearing;  /* open while it is waited for what the client types */
    struct coil_channel outbox; /* of struct message; open while is_in_room */
    struct coil_group group;    /* its writer; likewise */
    char name[NAME_SIZE];
    bool is_in_room; /* it has said its name, and not left */
    bool is_dropped; /* it does not read */
    struct client *next;
};

struct room {
    struct client *clients; /* all that are connected */
    size_t count;           /* of those that are in the room */
    bool is_ending;
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
        if (c != author && c->is_in_room &&
            coil_channel_try_send(&c->outbox, &message) == -EAGAIN) {
            c->is_dropped = true;
            coil_group_cancel(&c->group); /* ends what its two tasks wait for */
        }
    }
}

static bool is_taken(const struct room *room, const char *name)
{
    for (const struct client *c = room->clients; c; c = c->next) {
        if (c->is_in_room && strcmp(c->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_client(struct room *room, struct client *me)
{
    me->next = room->clients;
    room->clients = me;
}

static void remove_client(struct room *room, struct client *me)
{
    struct client **link = &room->clients;

    while (*link != me) {
        link = &(*link)->next;
    }
    *link = me->next;
}

static void enter_room(struct room *room, struct client *me)
{
    me->is_in_room = true;
    room->count++;
    tell_others(room, me, "* %s has come\n", me->name);
}

static void leave_room(struct room *room, struct client *me)
{
    me->is_in_room = false;
    room->count--;
    if (!room->is_ending) {
        tell_others(room, me, "* %s has left\n", me->name);
    }
}

/* From now on nobody is heard: whoever types, or is about to, is told that the server ends. */
static void end_talk(struct room *room)
{
    room->is_ending = true;
    for (struct client *c = room->clients; c; c = c->next) {
        coil_scope_cancel(&c->hearing);
    }
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

/* Reads a line, of a long one as much as there is room for. Returns its length, 0 at the end;
 * -ECANCELED when the server ends. */
static ssize_t read_some(struct room *room, struct client *me, char *line, size_t size)
{
    ssize_t count = -ECANCELED;

    if (!room->is_ending) {
        coil_scope_open_timeout(&me->hearing, COIL_NEVER);
        count = coil_stream_read_line(me->stream, line, size);
        if (count == -COIL_ELIMIT) {
            count = coil_stream_read(me->stream, line, size - 1);
        }
        coil_scope_close(&me->hearing);
    }
    return count;
}

/* Reads a line without its end; what might upset a terminal becomes a '?'. Returns its length, or
 * -COIL_ECLOSED when the client has hung up. */
static ssize_t hear(struct room *room, struct client *me, char *line, size_t size)
{
    ssize_t count = read_some(room, me, line, size);

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
        ssize_t size = rc < 0 ? rc : hear(room, me, line, sizeof line);

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
        if (c->is_in_room) {
            size += snprintf(text + size, sizeof text - (size_t)size, " %s", c->name);
        }
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

    while (rc == 0 && (size = hear(room, me, line, sizeof line)) >= 0) {
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

/* Being in the room. Returns why it has ended: -ECANCELED when the server ends. */
static int take_part(struct room *room, struct client *me)
{
    int closed, rc = coil_channel_init(&me->outbox, sizeof(struct message), OUTBOX_LINES);

    if (rc < 0) {
        return rc;
    }
    coil_group_open(&me->group);
    coil_group_spawn(&me->group, write_messages, me);
    enter_room(room, me);
    rc = read_lines(room, me);
    leave_room(room, me);
    coil_channel_close(&me->outbox); /* the writer ends when it has written what is left */
    closed = coil_group_close(&me->group);
    coil_channel_deinit(&me->outbox);
    return closed < 0 ? closed : rc;
}

/* The first task of a client. However it leaves is no error of the server's. */
static int serve_client(struct coil_stream *stream, void *user)
{
    struct client me = {.stream = stream};
    struct room *room = user;
    int rc;

    add_client(room, &me);
    rc = ask_name(room, &me);
    if (rc == 0) {
        rc = take_part(room, &me);
    }
    remove_client(room, &me);
    if (me.is_dropped || rc == -ETIMEDOUT) {
        printf("dropped %s: it does not read\n", me.name);
        coil_stream_abort(stream);
        return 0;
    }
    if (rc == -ECANCELED) {
        say(&me, "* The server ends. Goodbye.\n");
    }
    coil_timeout(PATIENCE) {
        coil_stream_close(stream);
    }
    return 0;
}

/* --- the server --- */

struct options {
    long port;
    long grace; /* in seconds */
};

/* Serves until SIGINT or SIGTERM comes, then lets the clients finish. */
static int amain(void *arg)
{
    static const int endings[] = {SIGINT, SIGTERM};
    const struct options *options = arg;
    struct coil_server_options limits = {.max_clients = MAX_CLIENTS};
    struct coil_signal_watch watch = {0};
    struct coil_server *server;
    struct room room = {0};
    int rc = coil_start_server("localhost", (uint16_t)options->port, &limits, serve_client, &room,
                               &server);

    if (rc < 0 || (rc = coil_signal_open(&watch, endings, 2)) < 0) {
        return rc;
    }
    printf("chatting on port %ld\n", options->port);
    coil_signal_next(&watch);
    coil_signal_close(&watch); /* the next Ctrl-C cancels this task, and with it the shutdown */
    end_talk(&room);
    rc = coil_server_shutdown(server, options->grace * COIL_SEC);
    if (rc == -ETIMEDOUT) {
        printf("the rest was cut off\n");
        rc = 0;
    }
    return rc;
}

/* A number between least and most; -1 when the text is none. */
static long parse(const char *text, long least, long most)
{
    char *end;
    long number = strtol(text, &end, 10);

    return end == text || *end || number < least || number > most ? -1 : number;
}

int main(int argc, char **argv)
{
    struct options options = {.port = 7001, .grace = 5};
    int rc;

    if (argc > 1) {
        options.port = parse(argv[1], 1, 65535);
    }
    if (argc > 2) {
        options.grace = parse(argv[2], 0, 86400);
    }
    if (options.port < 0 || options.grace < 0) {
        fprintf(stderr, "usage: chat [PORT [SECONDS]]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line at a time, also into a file */
    rc = coil_run(amain, &options);
    if (rc < 0 && rc != -EINTR) {
        fprintf(stderr, "chat: %s\n", coil_strerror(rc));
        return 1;
    }
    printf("goodbye\n");
    return 0;
}
