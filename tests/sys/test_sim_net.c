/* The simulated network: names, options, connect and accept, bytes, ends, poll. */
#include "sim_calls.h"

#include <netinet/tcp.h>

/* ---- sockets and names ---- */

COIL_TEST(sockets_have_virtual_descriptors)
{
    open_sim();
    CHECK_INT(new_socket(), ==, FIRST_FD);
    CHECK_INT(new_socket(), ==, FIRST_FD + 1);
    CHECK_OK(close_fd(FIRST_FD));
    CHECK_INT(new_socket(), ==, FIRST_FD);
    CHECK_ERR(close_fd(FIRST_FD + 7), -EBADF);
    CHECK_ERR(close_fd(-1), -EBADF);
    CHECK_ERR(try_recv(FIRST_FD + 7, NULL, 0), -EBADF);
    CHECK_ERR(backend->net->socket(backend, AF_INET, SOCK_DGRAM, 0), -EOPNOTSUPP);
    CHECK_ERR(backend->net->socket(backend, AF_NETLINK, SOCK_STREAM, 0), -EAFNOSUPPORT);
    close_sim();
}

COIL_TEST(sockets_many_at_once)
{
    open_sim();
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(new_socket(), ==, FIRST_FD + i);
    }
    close_sim(); /* frees them all */
}

COIL_TEST(bind_gives_free_ports)
{
    int a;
    int b;

    open_sim();
    a = new_listener(0, 1);
    b = new_listener(0, 1);
    CHECK_INT(port_of(a, false), >, 1024);
    CHECK_INT(port_of(a, false), !=, port_of(b, false));
    CHECK_ERR(bind_to(a, v4("127.0.0.1", 1)), -EINVAL);
    close_sim();
}

COIL_TEST(bind_sees_conflicts)
{
    int fd;

    open_sim();
    new_listener(PORT, 1);
    fd = new_socket();
    CHECK_ERR(bind_to(fd, v4("127.0.0.1", PORT)), -EADDRINUSE);
    CHECK_ERR(bind_to(fd, v4("0.0.0.0", PORT)), -EADDRINUSE);
    CHECK_OK(bind_to(fd, v4("127.0.0.2", PORT)));
    CHECK_OK(backend->net->listen(backend, fd, 1));
    CHECK_OK(close_fd(fd));
    fd = new_socket();
    CHECK_OK(bind_to(fd, v4("127.0.0.2", PORT))); /* free again at once */
    close_sim();
}

COIL_TEST(bind_shares_by_option)
{
    int a;
    int b;

    open_sim();
    a = new_socket();
    b = new_socket();
    set_int(a, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
    CHECK_OK(bind_to(a, v4("0.0.0.0", PORT)));
    CHECK_OK(bind_to(b, v4("0.0.0.0", PORT)));
    CHECK_OK(backend->net->listen(backend, a, 1));
    CHECK_ERR(backend->net->listen(backend, b, 1), -EADDRINUSE);
    set_int(a, SOL_SOCKET, SO_REUSEPORT, 1);
    set_int(b, SOL_SOCKET, SO_REUSEPORT, 1);
    CHECK_OK(backend->net->listen(backend, b, 1));
    close_sim();
}

COIL_TEST(bind_checks_addresses)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = v4("127.0.0.1", 0);
    int fd;

    open_sim();
    fd = new_socket();
    CHECK_ERR(backend->net->bind(backend, fd, (struct sockaddr *)&in, 3), -EINVAL);
    CHECK_ERR(backend->net->bind(backend, fd, (struct sockaddr *)&in6, sizeof in6), -EAFNOSUPPORT);
    CHECK_ERR(backend->net->bind(backend, FIRST_FD + 9, (struct sockaddr *)&in, sizeof in), -EBADF);
    close_sim();
}

COIL_TEST(names_are_known_on_both_sides)
{
    int fds[2];

    open_sim();
    make_pair(fds);
    CHECK_INT(port_of(fds[0], true), ==, PORT);
    CHECK_INT(port_of(fds[1], false), ==, PORT);
    CHECK_INT(port_of(fds[0], false), ==, port_of(fds[1], true));
    close_sim();
}

COIL_TEST(names_of_v6_listeners_take_v4_clients)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct sockaddr_in6 peer;
    socklen_t size = sizeof peer;
    char text[INET6_ADDRSTRLEN];
    int listener;
    int fd;

    open_sim();
    listener = backend->net->socket(backend, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    CHECK_OK(backend->net->bind(backend, listener, (struct sockaddr *)&any, sizeof any));
    CHECK_OK(backend->net->listen(backend, listener, 5));
    CHECK_ERR(bind_to(new_socket(), v4("0.0.0.0", PORT)), -EADDRINUSE);
    CHECK_OK(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0));
    fd = (int)do_op(COIL__OP_ACCEPT, listener, NULL, 0, 0);
    CHECK_OK(backend->net->get_name(backend, fd, true, (struct sockaddr *)&peer, &size));
    CHECK_STR(inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text), "::ffff:127.0.0.1");
    close_sim();
}

COIL_TEST(names_of_v6_only_listeners_do_not)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    struct sockaddr_in6 none = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    int listener;
    int fd;

    open_sim();
    listener = backend->net->socket(backend, AF_INET6, SOCK_STREAM, 0);
    set_int(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CHECK_OK(backend->net->bind(backend, listener, (struct sockaddr *)&any, sizeof any));
    CHECK_OK(backend->net->listen(backend, listener, 5));
    CHECK_ERR(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0), -ECONNREFUSED);
    fd = backend->net->socket(backend, AF_INET6, SOCK_STREAM, 0);
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &none, sizeof none, 0)); /* "any" is this machine */
    CHECK_OK(bind_to(new_socket(), v4("0.0.0.0", PORT)));
    close_sim();
}

COIL_TEST(names_of_unix_sockets)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/sim/x"};
    struct sockaddr_un got;
    socklen_t size = sizeof got;
    int a;
    int b;

    open_sim();
    a = backend->net->socket(backend, AF_UNIX, SOCK_STREAM, 0);
    b = backend->net->socket(backend, AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERR(do_op(COIL__OP_CONNECT, b, &un, sizeof un, 0), -ENOENT);
    CHECK_ERR(backend->net->listen(backend, a, 1), -EINVAL);
    CHECK_OK(backend->net->bind(backend, a, (struct sockaddr *)&un, sizeof un));
    CHECK_ERR(do_op(COIL__OP_CONNECT, b, &un, sizeof un, 0), -ECONNREFUSED);
    CHECK_ERR(backend->net->bind(backend, b, (struct sockaddr *)&un, sizeof un), -EADDRINUSE);
    CHECK_OK(backend->net->get_name(backend, a, false, (struct sockaddr *)&got, &size));
    CHECK_STR(got.sun_path, "/sim/x");
    CHECK_INT(size, ==, offsetof(struct sockaddr_un, sun_path) + 7);
    size = sizeof got;
    CHECK_OK(backend->net->get_name(backend, b, false, (struct sockaddr *)&got, &size));
    CHECK_INT(size, ==, 2);
    close_sim();
}

COIL_TEST(options_are_remembered)
{
    int fd;

    open_sim();
    fd = new_socket();
    CHECK_INT(get_int(fd, IPPROTO_TCP, TCP_NODELAY), ==, 0);
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    CHECK_INT(get_int(fd, IPPROTO_TCP, TCP_NODELAY), ==, 1);
    CHECK_INT(get_int(fd, SOL_SOCKET, SO_KEEPALIVE), ==, 1);
    CHECK_INT(get_int(fd, SOL_SOCKET, SO_TYPE), ==, SOCK_STREAM);
    CHECK_INT(get_int(fd, SOL_SOCKET, SO_DOMAIN), ==, AF_INET);
    CHECK_INT(get_int(fd, SOL_SOCKET, SO_ACCEPTCONN), ==, 0);
    for (int i = 0; i < 100; i++) {
        set_int(fd, IPPROTO_IP, 1000 + i, i);
    }
    CHECK_INT(get_int(fd, IPPROTO_TCP, TCP_NODELAY), ==, 1);
    CHECK_ERR(backend->net->set_option(backend, fd, SOL_SOCKET, SO_KEEPALIVE, "", 1), -EINVAL);
    close_sim();
}

/* ---- connect and accept ---- */

COIL_TEST(connect_is_refused)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    int fd;

    open_sim();
    fd = new_socket();
    CHECK_ERR(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0), -ECONNREFUSED);
    CHECK_INT(get_int(fd, SOL_SOCKET, SO_ERROR), ==, 0); /* it was told */
    new_listener(PORT, 1);
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0));
    CHECK_INT(now(), ==, COIL_SEC);
    close_sim();
}

COIL_TEST(connect_before_accept_and_after)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    struct call accepted = {0};
    int listener;
    int fd;

    open_sim();
    listener = new_listener(PORT, 5);
    submit(&accepted, COIL__OP_ACCEPT, listener, NULL, 0, SOCK_CLOEXEC);
    CHECK(!accepted.is_done);
    fd = new_socket();
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0));
    CHECK_INT(finish(&accepted), ==, FIRST_FD + 2);
    CHECK_ERR(attempt(COIL__OP_ACCEPT, listener, NULL, 0, 0), -EAGAIN);
    CHECK_ERR(attempt(COIL__OP_ACCEPT, fd, NULL, 0, 0), -EINVAL);
    CHECK_OK(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0));
    accepted.op.kind_ = COIL__OP_ACCEPT;
    accepted.op.buf_ = &peer;
    accepted.op.offset_ = (int64_t)(intptr_t)&size;
    CHECK_INT(backend->net->attempt(backend, &accepted.op), ==, FIRST_FD + 4);
    CHECK_INT(size, ==, sizeof peer);
    CHECK_INT(ntohs(peer.sin_port), ==, port_of(FIRST_FD + 3, false));
    close_sim();
}

COIL_TEST(connect_waits_for_the_backlog)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct call calls[4] = {0};
    int listener;

    open_sim();
    listener = new_listener(PORT, 2);
    for (int i = 0; i < 4; i++) {
        submit(&calls[i], COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0);
        pass(0);
    }
    CHECK(calls[0].is_done && calls[1].is_done && !calls[2].is_done && !calls[3].is_done);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 2);
    CHECK_OK(do_op(COIL__OP_ACCEPT, listener, NULL, 0, 0));
    pass(0);
    CHECK(calls[2].is_done && !calls[3].is_done);
    CHECK_OK(close_fd(listener));
    CHECK_ERR(finish(&calls[3]), -ECONNREFUSED);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 0);
    close_sim();
}

COIL_TEST(connect_then_listener_closes)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    char byte;
    int listener;
    int fd;

    open_sim();
    listener = new_listener(PORT, 2);
    fd = new_socket();
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0));
    CHECK_OK(close_fd(listener));
    CHECK_ERR(do_op(COIL__OP_RECV, fd, &byte, 1, 0), -ECONNRESET);
    CHECK_INT(do_op(COIL__OP_RECV, fd, &byte, 1, 0), ==, 0);
    close_sim();
}

COIL_TEST(accept_of_a_client_that_has_gone)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    char text[8];
    int listener;
    int fd;

    open_sim();
    listener = new_listener(PORT, 2);
    fd = new_socket();
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0));
    CHECK_INT(try_send(fd, "bye", 3), ==, 3);
    CHECK_OK(close_fd(fd));
    fd = (int)do_op(COIL__OP_ACCEPT, listener, NULL, 0, 0);
    CHECK_INT(try_recv(fd, text, sizeof text), ==, 3);
    CHECK_INT(try_recv(fd, text, sizeof text), ==, 0);
    close_sim();
}

COIL_TEST(listener_that_is_shut_down_refuses)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct call accepted = {0};
    int listener;

    open_sim();
    listener = new_listener(PORT, 2);
    submit(&accepted, COIL__OP_ACCEPT, listener, NULL, 0, 0);
    CHECK_OK(backend->net->shutdown(backend, listener, SHUT_RD));
    CHECK_ERR(finish(&accepted), -EINVAL);
    CHECK_ERR(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0), -ECONNREFUSED);
    close_sim();
}

/* ---- bytes ---- */

COIL_TEST(echo_by_all_calls)
{
    char a[] = "ab";
    char b[] = "cde";
    char got[16] = "";
    struct iovec out[2] = {{a, 2}, {b, 3}};
    struct iovec in[3] = {{got, 1}, {NULL, 0}, {got + 1, 8}};
    struct msghdr send_msg = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr recv_msg = {.msg_iov = in, .msg_iovlen = 3, .msg_flags = -1};
    int fds[2];

    open_sim();
    make_pair(fds);
    CHECK_INT(do_op(COIL__OP_SEND, fds[0], a, 2, MSG_NOSIGNAL), ==, 2);
    CHECK_INT(do_op(COIL__OP_WRITE, fds[0], b, 3, 0), ==, 3);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, 3, MSG_PEEK | MSG_DONTWAIT), ==, 3);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, 3, 0), ==, 3);
    CHECK_INT(do_op(COIL__OP_READ, fds[1], got + 3, 8, 0), ==, 2);
    CHECK_MEM(got, "abcde", 5);
    CHECK_INT(do_op(COIL__OP_WRITEV, fds[1], out, 2, 0), ==, 5);
    memset(got, 0, sizeof got);
    CHECK_INT(do_op(COIL__OP_READV, fds[0], in, 3, 0), ==, 5);
    CHECK_MEM(got, "abcde", 5);
    CHECK_INT(do_op(COIL__OP_SENDMSG, fds[1], &send_msg, 0, 0), ==, 5);
    memset(got, 0, sizeof got);
    CHECK_INT(do_op(COIL__OP_RECVMSG, fds[0], &recv_msg, 0, 0), ==, 5);
    CHECK_MEM(got, "abcde", 5);
    CHECK_INT(recv_msg.msg_flags, ==, 0);
    CHECK_INT(try_send(fds[0], "", 0), ==, 0);
    CHECK_ERR(try_recv(fds[0], got, 1), -EAGAIN);
    close_sim();
}

COIL_TEST(recv_waits_for_send)
{
    struct call call = {0};
    char got[8];
    int fds[2];

    open_sim();
    make_pair(fds);
    submit(&call, COIL__OP_RECV, fds[0], got, sizeof got, COIL__EXPECT_WAIT);
    pass(0);
    CHECK(!call.is_done);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 1);
    CHECK_INT(do_op(COIL__OP_SEND, fds[1], got, 5, 0), ==, 5);
    CHECK_INT(finish(&call), ==, 5);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 0);
    close_sim();
}

COIL_TEST(recv_keeps_the_order_of_submission)
{
    struct call calls[3] = {0};
    char got[3];
    int fds[2];

    for (uint64_t seed = 0; seed < 20; seed++) {
        open_with(seed, NULL);
        make_pair(fds);
        for (int i = 0; i < 3; i++) {
            submit(&calls[i], COIL__OP_RECV, fds[0], &got[i], 1, 0);
        }
        CHECK_INT(try_send(fds[1], "abc", 3), ==, 3);
        for (int i = 0; i < 3; i++) {
            CHECK_INT(finish(&calls[i]), ==, 1);
        }
        CHECK_MEM(got, "abc", 3);
        close_sim();
    }
}

COIL_TEST(send_waits_for_room)
{
    static char big[100000];
    struct call call = {0};
    size_t got = 0;
    int fds[2];

    open_sim();
    make_pair(fds);
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (char)(i % 251);
    }
    CHECK_INT(try_send(fds[0], big, sizeof big), ==, 65536);
    CHECK_ERR(try_send(fds[0], big, 1), -EAGAIN);
    CHECK_INT(events(fds[0]), ==, 0);
    submit(&call, COIL__OP_SEND, fds[0], big + 65536, sizeof big - 65536, 0);
    pass(0);
    CHECK(!call.is_done);
    while (got < sizeof big) {
        static char part[1000];
        ssize_t rc = do_op(COIL__OP_RECV, fds[1], part, sizeof part, 0);

        CHECK_INT(rc, >, 0);
        if (rc <= 0) {
            break; /* a torture goes on after a failed check */
        }
        CHECK_MEM(part, big + got, (size_t)rc);
        got += (size_t)rc;
        if (got == 20000) {
            CHECK_INT(events(fds[0]), ==, 0); /* less than a third is free */
            CHECK(call.is_done);
            CHECK_INT(call.op.result, ==, 1000);
            CHECK_INT(try_send(fds[0], big + 66536, sizeof big - 66536), ==, 19000);
        } else if (got == 60000) {
            CHECK_INT(events(fds[0]), ==, POLLOUT);
            CHECK_INT(try_send(fds[0], big + 85536, sizeof big - 85536), ==, 14464);
        }
    }
    close_sim();
}

COIL_TEST(send_is_bounded_by_options)
{
    char bytes[100] = {0};
    int fds[2];

    open_sim();
    make_pair(fds);
    set_int(fds[1], SOL_SOCKET, SO_RCVBUF, 10);
    CHECK_INT(try_send(fds[0], bytes, sizeof bytes), ==, 10);
    set_int(fds[1], SOL_SOCKET, SO_SNDBUF, 7);
    CHECK_INT(try_send(fds[1], bytes, sizeof bytes), ==, 7);
    CHECK_INT(get_int(fds[1], SOL_SOCKET, SO_SNDBUF), ==, 7);
    close_sim();
}

COIL_TEST(unconnected_sockets_refuse_bytes)
{
    char byte = 0;
    int fd;

    open_sim();
    fd = new_socket();
    CHECK_ERR(try_recv(fd, &byte, 1), -ENOTCONN);
    CHECK_ERR(try_send(fd, &byte, 1), -EPIPE);
    CHECK_ERR(backend->net->shutdown(backend, fd, SHUT_WR), -ENOTCONN);
    CHECK_INT(events(fd), ==, POLLOUT | POLLHUP);
    CHECK_ERR(backend->net->listen(backend, FIRST_FD + 5, 1), -EBADF);
    close_sim();
}

/* ---- ends ---- */

COIL_TEST(shutdown_ends_one_direction)
{
    char got[8];
    int fds[2];

    open_sim();
    make_pair(fds);
    CHECK_INT(try_send(fds[0], "last", 4), ==, 4);
    CHECK_OK(backend->net->shutdown(backend, fds[0], SHUT_WR));
    CHECK_ERR(try_send(fds[0], "x", 1), -EPIPE);
    CHECK_INT(events(fds[1]), ==, POLLIN | POLLOUT | POLLRDHUP);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 4);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 0);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 0);
    CHECK_INT(try_send(fds[1], "back", 4), ==, 4);
    CHECK_INT(try_recv(fds[0], got, sizeof got), ==, 4);
    CHECK_ERR(backend->net->shutdown(backend, fds[0], 7), -EINVAL);
    CHECK_OK(backend->net->shutdown(backend, fds[1], SHUT_WR));
    CHECK_INT(events(fds[1]), ==, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    close_sim();
}

COIL_TEST(close_ends_the_peer)
{
    struct call call = {0};
    char got[8];
    int fds[2];

    open_sim();
    make_pair(fds);
    submit(&call, COIL__OP_RECV, fds[1], got, sizeof got, 0);
    CHECK_OK(close_fd(fds[0]));
    CHECK_INT(finish(&call), ==, 0);
    CHECK_INT(events(fds[1]), ==, POLLIN | POLLOUT | POLLRDHUP);
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1); /* lost; a reset comes back */
    CHECK_INT(events(fds[1]), ==, POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    CHECK_ERR(try_send(fds[1], "x", 1), -EPIPE);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 0);
    close_sim();
}

COIL_TEST(close_with_unread_bytes_resets)
{
    char got[8];
    int fds[2];

    open_sim();
    make_pair(fds);
    CHECK_INT(try_send(fds[1], "unread", 6), ==, 6);
    CHECK_INT(try_send(fds[0], "before", 6), ==, 6);
    CHECK_OK(close_fd(fds[0]));
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 6);
    CHECK_ERR(try_recv(fds[1], got, sizeof got), -ECONNRESET);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 0);
    CHECK_ERR(try_send(fds[1], "x", 1), -EPIPE);
    close_sim();
}

COIL_TEST(close_with_linger_resets)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;
    int fds[2];

    open_sim();
    make_pair(fds);
    set_reset_on_close(fds[0]);
    CHECK_OK(close_fd(fds[0]));
    CHECK_INT(events(fds[1]) & POLLERR, ==, POLLERR);
    CHECK_INT(get_int(fds[1], SOL_SOCKET, SO_ERROR), ==, ECONNRESET);
    CHECK_INT(get_int(fds[1], SOL_SOCKET, SO_ERROR), ==, 0);
    CHECK_INT(events(fds[1]), ==, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    CHECK_ERR(backend->net->get_name(backend, fds[1], true, (struct sockaddr *)&in, &size),
              -ENOTCONN);
    close_sim();
}

COIL_TEST(close_of_unix_peer_is_seen_at_once)
{
    char got[8];
    int fds[2];

    open_sim();
    make_unix_pair(fds);
    CHECK_INT(try_send(fds[0], "abc", 3), ==, 3);
    CHECK_OK(close_fd(fds[0]));
    CHECK_ERR(try_send(fds[1], "x", 1), -EPIPE);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 3);
    CHECK_INT(try_recv(fds[1], got, sizeof got), ==, 0);
    make_unix_pair(fds);
    CHECK_INT(try_send(fds[0], "abc", 3), ==, 3);
    CHECK_OK(close_fd(fds[1]));
    CHECK_ERR(try_recv(fds[0], got, sizeof got), -ECONNRESET);
    CHECK_ERR(try_send(fds[0], "x", 1), -EPIPE);
    close_sim();
}

COIL_TEST(close_ends_own_operations)
{
    struct call calls[3] = {0};
    char got[8];
    int fds[2];

    open_sim();
    make_pair(fds);
    submit(&calls[0], COIL__OP_RECV, fds[0], got, 4, 0);
    submit(&calls[1], COIL__OP_POLL, fds[0], NULL, 0, POLLIN);
    submit(&calls[2], COIL__OP_RECV, fds[0], got, 4, 0);
    backend->class->cancel(backend, &calls[2].op);
    CHECK_OK(close_fd(fds[0]));
    CHECK(!calls[0].is_done && !calls[1].is_done && !calls[2].is_done);
    pass(0);
    CHECK_ERR(finish(&calls[0]), -EBADF);
    CHECK_ERR(finish(&calls[1]), -EBADF);
    CHECK_ERR(finish(&calls[2]), -ECANCELED);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 0);
    close_sim();
}

COIL_TEST(poll_waits_for_events)
{
    struct call readable = {0};
    struct call hung_up = {0};
    int fds[2];

    open_sim();
    make_pair(fds);
    submit(&readable, COIL__OP_POLL, fds[0], NULL, 0, POLLIN);
    submit(&hung_up, COIL__OP_POLL, fds[0], NULL, 0, POLLRDHUP);
    pass(0);
    CHECK(!readable.is_done && !hung_up.is_done);
    CHECK_INT(do_op(COIL__OP_POLL, fds[0], NULL, 0, POLLIN | POLLOUT), ==, POLLOUT);
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
    CHECK_INT(finish(&readable), ==, POLLIN);
    CHECK(!hung_up.is_done);
    CHECK_OK(close_fd(fds[1]));
    CHECK_INT(finish(&hung_up), ==, POLLRDHUP);
    close_sim();
}

COIL_TEST(poll_of_listener)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    int listener;

    open_sim();
    listener = new_listener(PORT, 1);
    CHECK_INT(events(listener), ==, 0);
    CHECK_OK(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0));
    CHECK_INT(events(listener), ==, POLLIN);
    close_sim();
}
