/* Connected sockets and streams for the tests of this folder: over loopback, by way of the library,
 * so that the simulated backend's sockets are used where that backend runs. */
#ifndef COIL_TESTS_PAIR_H
#define COIL_TESTS_PAIR_H

#include "in_task.h"

#include "io/net.h"

#include <netinet/in.h>
#include <poll.h>

/* A listening socket on 127.0.0.1 and its address. */
static inline int listen_here(struct coil_address *ret_address)
{
    struct coil_address any;
    int fd;

    CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &any));
    fd = coil_listen_address(&any, NULL);
    CHECK_OK(fd);
    CHECK_OK(coil_socket_address(fd, ret_address));
    return fd;
}

/* Two descriptors that are connected to each other. */
static inline void open_fds(int ret_fds[2])
{
    struct coil_address address = {.size = 0};
    int listener = listen_here(&address);

    ret_fds[0] = coil_dial_address(&address, NULL);
    CHECK_OK(ret_fds[0]);
    ret_fds[1] = ret_fds[0] < 0 ? -1 : coil_accept(listener, NULL);
    CHECK_OK(ret_fds[1]);
    coil_close(listener);
}

static inline void close_fds(const int fds[2])
{
    CHECK_OK(coil_close(fds[0]));
    CHECK_OK(coil_close(fds[1]));
}

/* Fewer bytes on the way. (A small receive buffer too would make the kernel wait for timers.) */
static inline void shrink(int sender)
{
    coil__net_set(coil_loop_current(), sender, SOL_SOCKET, SO_SNDBUF, 16 * 1024);
}

static inline void open_both(const int fds[2], const struct coil_stream_options *options,
                             struct coil_stream *ret_streams[2])
{
    ret_streams[0] = NULL;
    ret_streams[1] = NULL;
    shrink(fds[0]);
    CHECK_OK(coil_stream_open(fds[0], options, &ret_streams[0]));
    CHECK_OK(coil_stream_open(fds[1], NULL, &ret_streams[1]));
}

/* Two streams that are connected to each other. options: of the first one; may be NULL. */
static inline void open_streams(const struct coil_stream_options *options,
                                struct coil_stream *ret_streams[2])
{
    int fds[2];

    open_fds(fds);
    open_both(fds, options, ret_streams);
}

/* Of which the first one cannot send for ever to a peer that does not read. Not TCP, which takes a
 * few bytes more again and again, for minutes, where it is fed slowly as by many runs at once. */
static inline void open_chokable_fds(int ret_fds[2])
{
    if (test_backend_is("sim")) {
        open_fds(ret_fds);
    } else {
        test_socket_pair(ret_fds);
    }
}

static inline void open_chokable(const struct coil_stream_options *options,
                                 struct coil_stream *ret_streams[2])
{
    int fds[2];

    open_chokable_fds(fds);
    open_both(fds, options, ret_streams);
}

static inline void close_streams(struct coil_stream *streams[2])
{
    CHECK_OK(coil_stream_close(streams[0]));
    CHECK_OK(coil_stream_close(streams[1]));
}

/* A stream and the bare descriptor of its peer. */
static inline struct coil_stream *open_half(const struct coil_stream_options *options,
                                            int *ret_peer)
{
    struct coil_stream *stream = NULL;
    int fds[2];

    open_fds(fds);
    shrink(fds[0]);
    CHECK_OK(coil_stream_open(fds[0], options, &stream));
    *ret_peer = fds[1];
    return stream;
}

static inline void send_text(int fd, const char *text)
{
    CHECK_INT(coil_send_all(fd, text, strlen(text)), ==, (int64_t)strlen(text));
}

/* What a closed socket does whose bytes were not read: the other end is reset. */
static inline void reset_peer(struct coil_stream *stream, int peer)
{
    CHECK_INT(coil_stream_write(stream, "x", 1), ==, 1);
    CHECK_OK(coil_stream_flush(stream));
    CHECK_INT(coil_poll(peer, POLLIN), ==, POLLIN);
    CHECK_OK(coil_close(peer));
}

/* A byte that depends on its place, so that a lost one shows. */
static inline char byte_at(size_t place)
{
    return (char)('!' + (place * 7 + place / 251) % 90);
}

static inline void fill_bytes(char *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buf[i] = byte_at(i);
    }
}

/* Reads the rest of a stream whose bytes begin at *place of the sequence; counts them there. */
static inline int read_rest(struct coil_stream *stream, size_t *place)
{
    char buf[4096];
    ssize_t n;

    while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            CHECK_INT(buf[i], ==, byte_at(*place));
            (*place)++;
        }
    }
    return (int)n;
}

/* Runs fn(arg) in another thread, in a loop of its own there. */
struct elsewhere {
    coil_task_fn fn;
    void *arg;
};

static inline int run_there(void *arg)
{
    const struct elsewhere *job = (const struct elsewhere *)arg;

    return coil_run(job->fn, job->arg);
}

static inline int run_elsewhere(coil_task_fn fn, void *arg)
{
    struct elsewhere job = {fn, arg};

    return coil_to_thread(run_there, &job);
}

#endif
