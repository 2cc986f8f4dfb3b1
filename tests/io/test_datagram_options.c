/* Options of datagram endpoints, and multicast: E9. */
#include "datagram_calls.h"
#include "harness.h"
#include "in_task.h"

#include <net/if.h>
#include <netinet/in.h>

TASK_TEST(datagram_options)
{
    struct coil_datagram_options shared = {.reuse_port = true, .receive_buffer = 65536};
    struct coil_address address = {.size = 0};
    struct coil_address broadcast = address_of("255.255.255.255:9");
    struct coil_datagram *one;
    struct coil_datagram *two = NULL;
    struct coil_datagram *four = NULL;

    need_datagrams();
    one = open_at("127.0.0.1:0", &shared);
    CHECK_OK(coil_datagram_get_address(one, &address));
    CHECK_ERR(coil_datagram_open(&address, NULL, NULL, &two), -EADDRINUSE);
    CHECK_OK(coil_datagram_open(&address, NULL, &shared, &two));
    CHECK_ERR(coil_datagram_send_to(one, "x", 1, &broadcast), -EACCES);
    coil_datagram_close(two);
    coil_datagram_close(one);

    one = NULL;
    address = address_of("[::]:0");
    if (coil_datagram_open(&address, NULL, NULL, &one) < 0) {
        return 0; /* no IPv6 here */
    }
    CHECK_OK(coil_datagram_get_address(one, &address));
    four = open_at("0.0.0.0:0", NULL);
    coil_datagram_close(four);
    broadcast = address_of("0.0.0.0:1");
    coil_address_set_port(&broadcast, (uint16_t)coil_address_get_port(&address));
    CHECK_OK(coil_datagram_open(&broadcast, NULL, NULL, &four)); /* V6ONLY: the port is free */
    coil_datagram_close(four);
    coil_datagram_close(one);
    CHECK_OK(coil_datagram_open(&address, NULL, &(struct coil_datagram_options){.dual_stack = true},
                                &one));
    CHECK_ERR(coil_datagram_open(&broadcast, NULL, NULL, &four), -EADDRINUSE);
    coil_datagram_close(one);
    return 0;
}

/* What is sent by the loopback interface comes back all the same: so the option is asked for. */
static void check_loop_is_off(int fd, int family)
{
    int value = 1;
    socklen_t size = sizeof value;
    bool is_ip4 = family == AF_INET;

    CHECK_OK(getsockopt(fd, is_ip4 ? IPPROTO_IP : IPPROTO_IPV6,
                        is_ip4 ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP, &value, &size));
    CHECK_INT(value, ==, 0);
}

static void use_group(const char *here, const char *group_text)
{
    struct coil_datagram_options options = {.reuse_address = true};
    unsigned loopback = if_nametoindex("lo");
    struct coil_address group = address_of(group_text);
    struct coil_address any = address_of(here);
    struct coil_address address = {.size = 0};
    struct coil_datagram *one = NULL;
    struct coil_datagram *two = NULL;
    ssize_t sent;

    if (coil_datagram_open(&any, NULL, &options, &one) < 0 ||
        coil_datagram_join(one, &group, loopback) < 0) {
        coil_datagram_close(one);
        return; /* no such family, or no multicast, where this runs */
    }
    CHECK_ERR(coil_datagram_join(one, &group, loopback), -EADDRINUSE);
    CHECK_OK(coil_datagram_get_address(one, &address));
    CHECK_OK(coil_datagram_open(&address, NULL, &options, &two));
    CHECK_OK(coil_datagram_join(two, &group, loopback));
    CHECK_OK(coil_address_set_port(&group, (uint16_t)coil_address_get_port(&address)));
    CHECK_OK(coil_datagram_set_multicast_interface(one, loopback));
    CHECK_OK(coil_datagram_set_multicast_ttl(one, 0));
    CHECK_OK(coil_datagram_set_multicast_loop(one, true));
    sent = coil_datagram_send_to(one, "all", 3, &group);
    if (sent != -ENETUNREACH) { /* no such route here */
        CHECK_INT(sent, ==, 3);
        expect(one, "all");
        expect(two, "all");
    }
    CHECK_OK(coil_datagram_set_multicast_loop(one, false));
    check_loop_is_off(coil_datagram_get_fd(one), group.storage.ss_family);
    CHECK_OK(coil_datagram_leave(one, &group, loopback));
    CHECK_ERR(coil_datagram_leave(one, &group, loopback), -EADDRNOTAVAIL);
    coil_datagram_close(two);
    coil_datagram_close(one);
}

TASK_TEST(datagram_multicast)
{
    need_datagrams();
    use_group("0.0.0.0:0", "239.255.77.7:1");
    use_group("[::]:0", "[ff01::7707]:1");
    return 0;
}

TASK_TEST(datagram_multicast_errors)
{
    struct coil_address group4 = address_of("239.255.77.7:0");
    struct coil_address group6 = address_of("[ff01::7707]:0");
    struct coil_address single = address_of("127.0.0.1:0");
    struct coil_address path;
    struct coil_datagram *datagram;
    struct coil_datagram *local = NULL;

    if (test_is_emulated()) {
        test_skip("the emulator has its own errors for these");
    }

    need_datagrams();
    datagram = open_at("0.0.0.0:0", NULL);
    CHECK_ERR(coil_datagram_join(datagram, &group6, 0), -EAFNOSUPPORT);
    CHECK_ERR(coil_datagram_join(datagram, &single, 0), -EINVAL);
    CHECK_ERR(coil_datagram_join(datagram, NULL, 0), -EINVAL);
    CHECK_ERR(coil_datagram_join(datagram, &group4, 99999), -ENODEV);
    CHECK_ERR(coil_datagram_leave(datagram, NULL, 0), -EINVAL);
    CHECK_ERR(coil_datagram_set_multicast_ttl(datagram, -1), -EINVAL);
    CHECK_ERR(coil_datagram_set_multicast_ttl(datagram, 256), -EINVAL);
    CHECK_INT(coil_datagram_set_multicast_interface(datagram, 99999), <, 0);
    path = unix_at("x");
    CHECK_OK(coil_datagram_open(&path, NULL, NULL, &local));
    CHECK_ERR(coil_datagram_join(local, &group4, 0), -EAFNOSUPPORT);
    CHECK_ERR(coil_datagram_set_multicast_loop(local, true), -EAFNOSUPPORT);
    CHECK_ERR(coil_datagram_set_multicast_ttl(local, 1), -EAFNOSUPPORT);
    CHECK_ERR(coil_datagram_set_multicast_interface(local, 1), -EAFNOSUPPORT);
    coil_datagram_close(local);
    coil_datagram_close(datagram);
    CHECK_ERR(coil_datagram_join(datagram, &group4, 0), -COIL_ECLOSED);
    CHECK_ERR(coil_datagram_set_multicast_loop(datagram, true), -COIL_ECLOSED);
    CHECK_ERR(coil_datagram_set_multicast_interface(NULL, 1), -EINVAL);
    return 0;
}
