/* Addresses as text, and host names to addresses. */
#include "name_service.h"

#include <arpa/inet.h>
#include <sys/un.h>

/* --- addresses --- */

COIL_TEST(address_text_round_trip)
{
    static const char *const texts[] = {
        "1.2.3.4:80",        "0.0.0.0:0",      "[::1]:65535",
        "[2001:db8::1]:443", "[fe80::1%lo]:1", "[::ffff:1.2.3.4]:9",
        "unix:/run/x.sock",  "unix:x",         "unix:@abstract",
    };
    struct coil_address address;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_ERR(coil_address_parse(texts[i], &address), 0);
        CHECK_STR(text_of(&address), texts[i]);
    }
    CHECK_OK(coil_address_parse("[fe80::1%4000000000]:1", &address));
    CHECK_STR(text_of(&address), "[fe80::1%4000000000]:1");
}

COIL_TEST(address_parse_refuses)
{
    static const char *const texts[] = {
        "",
        ":",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:0x5",
        "1.2.3:80",
        "1.2.3.4:80:80",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "[]:80",
        "[1.2.3.4]:80",
        "[::1%]:80",
        "[::1%nosuchif]:80",
        "localhost:80",
        "unix:",
        "[:::1]:80",
        "1.2.3.4:99999999999",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };
    struct coil_address address = {.size = 77};
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 8] = "unix:";

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_ERR(coil_address_parse(texts[i], &address), -COIL_EADDRESS);
    }
    CHECK_INT(address.size, ==, 77);
    memset(path + 5, 'x', 108);
    CHECK_ERR(coil_address_parse(path, &address), -COIL_EADDRESS);
    path[5] = '@';
    CHECK_OK(coil_address_parse(path, &address));
    CHECK_STR(text_of(&address), path);
    path[5] = 'x';
    path[5 + 107] = '\0';
    CHECK_OK(coil_address_parse(path, &address));
    CHECK_STR(text_of(&address), path);
    CHECK_ERR(coil_address_parse(NULL, &address), -EINVAL);
    CHECK_ERR(coil_address_parse("1.2.3.4:80", NULL), -EINVAL);
}

COIL_TEST(address_from_ip_and_port)
{
    struct coil_address address;
    char text[8];

    CHECK_OK(coil_address_from_ip("::1", 80, &address));
    CHECK_STR(text_of(&address), "[::1]:80");
    CHECK_INT(coil_address_get_port(&address), ==, 80);
    CHECK_OK(coil_address_set_port(&address, 65535));
    CHECK_INT(coil_address_get_port(&address), ==, 65535);
    CHECK_OK(coil_address_from_ip("127.0.0.1", 1, &address));
    CHECK_OK(coil_address_set_port(&address, 2));
    CHECK_STR(text_of(&address), "127.0.0.1:2");
    CHECK_ERR(coil_address_format(&address, text, sizeof text), -ENOSPC);
    CHECK_ERR(coil_address_from_ip("127.0.0.1:1", 1, &address), -COIL_EADDRESS);
    CHECK_ERR(coil_address_from_ip("", 1, &address), -COIL_EADDRESS);
    CHECK_ERR(coil_address_from_ip(NULL, 1, &address), -EINVAL);
    CHECK_OK(coil_address_parse("unix:/x", &address));
    CHECK_ERR(coil_address_get_port(&address), -EAFNOSUPPORT);
    CHECK_ERR(coil_address_set_port(&address, 1), -EAFNOSUPPORT);
    address = (struct coil_address){0};
    CHECK_ERR(coil_address_format(&address, text, sizeof text), -EAFNOSUPPORT);
    CHECK_ERR(coil_address_format(NULL, text, sizeof text), -EINVAL);
    CHECK_ERR(coil_address_get_port(NULL), -EINVAL);
    CHECK_ERR(coil_address_set_port(NULL, 1), -EINVAL);
}

COIL_TEST(address_of_unix_sockets)
{
    struct coil_address address = {.size = sizeof(sa_family_t)};
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address.storage;

    un->sun_family = AF_UNIX;
    CHECK_STR(text_of(&address), "unix:"); /* unnamed */
    memcpy(un->sun_path, "\0a\0b", 4);
    address.size = sizeof(sa_family_t) + 4;
    CHECK_STR(text_of(&address), "unix:@a@b");
    memcpy(un->sun_path, "/a", 3);
    address.size = sizeof *un; /* some systems count what is behind the NUL as well */
    CHECK_STR(text_of(&address), "unix:/a");
}

/* --- resolve --- */

TASK_TEST(resolve_ip_addresses_without_a_thread)
{
    CHECK_OK(resolve_text("1.2.3.4", "80", 0, false, "1.2.3.4:80"));
    CHECK_OK(resolve_text("::1", NULL, 0, false, "[::1]:0"));
    CHECK_OK(resolve_text("fe80::1%lo", "1", AF_INET6, false, "[fe80::1%lo]:1"));
    CHECK_OK(resolve_text(NULL, "80", 0, false, "[::1]:80 127.0.0.1:80"));
    CHECK_OK(resolve_text("", "80", AF_INET, false, "127.0.0.1:80"));
    CHECK_OK(resolve_text(NULL, "80", 0, true, "0.0.0.0:80 [::]:80"));
    CHECK_ERR(resolve_text("1.2.3.4", "80", AF_INET6, false, ""), -COIL_EHOSTNAME);
    CHECK_ERR(resolve_text("no.such.host.invalid", "80", 0, false, ""), -COIL_EHOSTNAME);
    CHECK_ERR(resolve_text("INVALID.", NULL, 0, false, ""), -COIL_EHOSTNAME);
    CHECK_INT(atomic_load(&calls), ==, 0);
    coil_resolve_free(NULL);
    return 0;
}

TASK_TEST(resolve_names)
{
    CHECK_OK(resolve_text("host", "80", 0, false, "[2001:db8::1]:80 192.0.2.1:80"));
    CHECK_OK(resolve_text("notinvalid", NULL, AF_INET, false, "192.0.2.1:0"));
    CHECK_OK(resolve_text("host", "https", 0, false, "[2001:db8::1]:443 192.0.2.1:443"));
    CHECK_OK(resolve_text("1.2.3.4", "https", AF_INET, false, "192.0.2.1:443"));
    CHECK_OK(resolve_text(NULL, "https", 0, true, "[::]:443"));
    CHECK_INT(atomic_load(&calls), ==, 5);
    if (test_backend_is("sim")) {
        CHECK_OK(resolve_text("LocalHost.", "1", 0, false, "[::1]:1 127.0.0.1:1"));
        CHECK_OK(resolve_text("a.localhost", "1", AF_INET, false, "127.0.0.1:1"));
        CHECK_INT(atomic_load(&calls), ==, 5);
    }
    return 0;
}

TASK_TEST(resolve_errors)
{
    static const int expected[] = {
        -COIL_EHOSTNAME, -COIL_EHOSTNAME, -EAFNOSUPPORT, -COIL_ERESOLVER, -COIL_ERESOLVER,
        -ENOMEM,         -COIL_EADDRESS,  -EMFILE,       -COIL_EHOSTNAME, -COIL_ERESOLVER,
    };
    struct coil_address *list;
    char long_name[2000];
    size_t count;

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        CHECK_ERR(resolve_text(failures[i].host, "80", 0, false, ""), expected[i]);
    }
    CHECK_ERR(resolve_text("host", "65536", 0, false, ""), -COIL_EADDRESS);
    CHECK_ERR(resolve_text("host", "", 0, false, ""), -COIL_EADDRESS);
    CHECK_ERR(resolve_text("host", "80", AF_UNIX, false, ""), -EINVAL);
    CHECK_ERR(coil_resolve("host", "80", NULL, NULL, &count), -EINVAL);
    CHECK_ERR(coil_resolve("host", "80", NULL, &list, NULL), -EINVAL);
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    CHECK_ERR(resolve_text(long_name, "80", 0, false, ""), -COIL_EHOSTNAME);
    CHECK_ERR(resolve_text("host", long_name, 0, false, ""), -COIL_EADDRESS);
    return 0;
}

COIL_TEST(resolve_outside_of_a_task)
{
    struct coil_address *list;
    size_t count;

    CHECK_ERR(coil_resolve("host", "80", NULL, &list, &count), -COIL_ENOLOOP);
}

static const char *const slow_names[] = {"slow0", "slow1", "slow2", "slow3", "slow4", "slow5"};

TASK_TEST(resolve_threads_are_bounded_and_apart)
{
    struct coil_task *tasks[6];
    int results[6];

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 6; i++) {
        tasks[i] = coil_create_task(resolve_host, (void *)(uintptr_t)slow_names[i]);
    }
    await_waiting(4);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(coil_yield());
    }
    CHECK_INT(atomic_load(&calls), ==, 4);
    open_gate(6);
    CHECK_OK(coil_gather(tasks, 6, results));
    for (int i = 0; i < 6; i++) {
        CHECK_ERR(results[i], 0);
    }
    return 0;
}

TASK_TEST(resolve_cancel_returns_at_once)
{
    struct coil_task *tasks[6];
    size_t blocks;

    sem_init(&gate, 0, 0);
    CHECK_ERR(resolve_host((void *)(uintptr_t) "noname"), -COIL_EHOSTNAME);
    blocks = test_live_blocks();
    for (int i = 0; i < 6; i++) {
        tasks[i] = coil_create_task(resolve_host, (void *)(uintptr_t)slow_names[i]);
    }
    await_waiting(4); /* and two have no thread yet */
    for (int i = 0; i < 6; i++) {
        coil_cancel(tasks[i]);
        CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
    }
    CHECK_INT(atomic_load(&waiting), ==, 4);
    open_gate(4);
    await_waiting(0);
    for (int i = 0; i < 100000 && test_live_blocks() > blocks + 4; i++) {
        CHECK_OK(coil_yield()); /* the threads that were started meanwhile count */
    }
    CHECK_OK(resolve_text("host", NULL, AF_INET, false, "192.0.2.1:0"));
    return 0;
}

TASK_TEST(resolve_deadline_covers_the_lookup)
{
    int64_t began = test_now_ns();
    int rc = 0;

    sem_init(&gate, 0, 0);
    coil_timeout(10 * COIL_MSEC) {
        rc = resolve_host(slow());
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(test_now_ns() - began, <, 5 * COIL_SEC);
    open_gate(1);
    return 0;
}

TASK_TEST(resolve_in_a_cancelled_task_asks_nobody)
{
    coil_cancel(coil_current_task());
    CHECK_ERR(resolve_host((void *)(uintptr_t) "host"), -ECANCELED);
    CHECK_ERR(resolve_host((void *)(uintptr_t) "::1"), -ECANCELED);
    CHECK_INT(atomic_load(&calls), ==, 0);
    return 0;
}

static int main_leaves_lookups(void *arg)
{
    struct coil_task *task = coil_create_task(resolve_host, slow());

    (void)arg;
    await_waiting(1);
    coil_detach(task);
    return 0;
}

COIL_TEST(resolve_does_not_hold_up_the_end)
{
    sem_init(&gate, 0, 0);
    CHECK_OK(coil_run(main_leaves_lookups, NULL));
    CHECK_INT(atomic_load(&waiting), ==, 1);
    open_gate(1);
    await_no_blocks(0);
}

static int main_cancel_race(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct coil_task *task = coil_create_task(resolve_host, (void *)(uintptr_t) "host");
        int rc;

        for (int j = 0; j < i % 7; j++) {
            CHECK_OK(coil_yield());
        }
        coil_cancel(task);
        rc = coil_await(task);
        CHECK(rc == 0 || rc == -ECANCELED);
    }
    return 0;
}

COIL_TEST(resolve_cancel_race)
{
    CHECK_OK(coil_run(main_cancel_race, NULL));
    await_no_blocks(0);
}

static int main_slow_report(void *arg)
{
    struct heard heard = {0};
    int64_t begin;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    do { /* again, if the machine was too busy to be quick */
        heard.count = 0;
        begin = coil_now();
        CHECK_OK(resolve_host((void *)(uintptr_t) "host"));
    } while (coil_now() - begin >= 100 * COIL_MSEC && !test_has_noticed());
    CHECK_INT(heard.count, ==, 0);
    CHECK_OK(resolve_host((void *)(uintptr_t) "delayed"));
    CHECK_INT(heard.count, ==, *(int *)arg);
    if (heard.count > 0) {
        CHECK_CONTAINS(heard.message, "look-up");
    }
    return 0;
}

COIL_TEST(resolve_reports_slow_lookups_in_debug_mode)
{
    struct coil_run_options options = {.loop.debug = true};
    int expected = 1;

    unsetenv("COIL_DEBUG");
    CHECK_OK(coil_run_with(&options, main_slow_report, &expected));
    expected = 0;
    CHECK_OK(coil_run(main_slow_report, &expected));
}

static int resolve_tolerantly(void *arg)
{
    static const char *const hosts[] = {"1.2.3.4", "host", "noname", "host"};

    for (int i = 0; i < 4; i++) {
        struct coil_address *list;
        size_t count;

        if (coil_resolve(hosts[i], "80", NULL, &list, &count) == 0) {
            CHECK_INT(count, >, 0);
            coil_resolve_free(list);
        }
    }
    return *(int *)arg;
}

static void run_tolerantly(void *arg)
{
    int rc = coil_run(resolve_tolerantly, arg);

    CHECK(rc <= 0);
    await_no_blocks(0);
}

COIL_TEST_LIMIT(resolve_survives_every_fault, 120)
{
    int zero = 0;

    torture(run_tolerantly, &zero);
}
