/*
 * bench/limits/tls_epoll.c - the limit of the TLS echo: OpenSSL straight on epoll, level-triggered.
 *
 *     tls_epoll tls-echo PORT CERTIFICATE_AND_KEY
 *
 * One read per event, as long as OpenSSL has nothing left of it; read-ahead, so that a record is one
 * recv; an answer that does not fit into the socket waits for EPOLLOUT. A buffer per connection, as
 * in the other limits.
 */
#define _GNU_SOURCE
#include "server.h"

#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512
#define BUFFER ((size_t)16 * 1024)

struct conn {
    SSL *ssl;
    int fd;
    int is_open; /* the handshake is done */
    size_t size;       /* of what is in buf and not yet written */
    char buf[BUFFER];
};

static SSL_CTX *ssl_ctx;
static int epoll_fd;

static void conn_close(struct conn *conn)
{
    SSL_free(conn->ssl);
    close(conn->fd);
    free(conn);
}

static void want(struct conn *conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};

    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

/* 1: go on; 0: wait for the socket; -1: it is over. */
static int verdict(struct conn *conn, int rc)
{
    switch (rc > 0 ? SSL_ERROR_NONE : SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_NONE:
        return 1;
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        want(conn, EPOLLIN | EPOLLOUT);
        return 0;
    default:
        return -1;
    }
}

static int echo(struct conn *conn)
{
    do {
        size_t sent = 0;
        int rc = SSL_read_ex(conn->ssl, conn->buf, BUFFER, &conn->size);

        rc = verdict(conn, rc);
        if (rc <= 0) {
            conn->size = 0;
            return rc;
        }
        rc = verdict(conn, SSL_write_ex(conn->ssl, conn->buf, conn->size, &sent));
        if (rc <= 0) {
            return rc;
        }
        conn->size = 0;
    } while (SSL_has_pending(conn->ssl));
    return 0;
}

static int conn_event(struct conn *conn)
{
    int rc;

    if (!conn->is_open) {
        rc = verdict(conn, SSL_do_handshake(conn->ssl));
        if (rc <= 0) {
            return rc;
        }
        conn->is_open = 1;
        return SSL_has_pending(conn->ssl) ? echo(conn) : 0;
    }
    if (conn->size > 0) {
        size_t sent = 0;

        rc = verdict(conn, SSL_write_ex(conn->ssl, conn->buf, conn->size, &sent));
        if (rc <= 0) {
            return rc;
        }
        conn->size = 0;
        want(conn, EPOLLIN);
    }
    return echo(conn);
}

static void accept_all(int listen_fd)
{
    int fd;

    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

        if (!conn || !(conn->ssl = SSL_new(ssl_ctx)) || !SSL_set_fd(conn->ssl, fd)) {
            die("SSL_new", ENOMEM);
        }
        conn->fd = fd;
        SSL_set_accept_state(conn->ssl);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
            die("epoll_ctl", errno);
        }
    }
}

static void make_context(const char *file)
{
    ssl_ctx = SSL_CTX_new(TLS_server_method());
    if (!ssl_ctx || SSL_CTX_use_certificate_chain_file(ssl_ctx, file) <= 0 ||
        SSL_CTX_use_PrivateKey_file(ssl_ctx, file, SSL_FILETYPE_PEM) <= 0) {
        die("the certificate cannot be used", EINVAL);
    }
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl_ctx, 1);
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int listen_fd;

    if (argc != 4 || strcmp(argv[1], "tls-echo")) {
        fprintf(stderr, "usage: tls_epoll tls-echo PORT CERTIFICATE_AND_KEY\n");
        return 2;
    }
    make_context(argv[3]);
    listen_fd = server_listen(atoi(argv[2]), SOCK_NONBLOCK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event)) {
        die("epoll", errno);
    }
    server_ready();
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);

        if (count < 0 && errno != EINTR) {
            die("epoll_wait", errno);
        }
        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr) {
                accept_all(listen_fd);
            } else if (conn_event(events[i].data.ptr) < 0) {
                conn_close(events[i].data.ptr);
            }
        }
    }
}
