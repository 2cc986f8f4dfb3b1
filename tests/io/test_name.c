/* Addresses to names: A11. getnameinfo is replaced here, so that every answer and every delay of a
 * name service can be had. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* --- the name service: by port --- */

enum { SLOW_PORT = 7 };

static atomic_int calls;
static atomic_int waiting;
static sem_t gate;

static const struct {
    int port;
    int error;
    int rc; /* of coil_getnameinfo */
} failures[] = {
    {1, EAI_NONAME, -COIL_EHOSTNAME}, {2, EAI_AGAIN, -COIL_ERESOLVER},
    {3, EAI_FAIL, -COIL_ERESOLVER},   {4, EAI_MEMORY, -ENOMEM},
    {5, EAI_OVERFLOW, -ENOSPC},       {6, EAI_FAMILY, -EAFNOSUPPORT},
};

int getnameinfo(const struct sockaddr *addr, socklen_t size, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags)
{
    struct coil_address address = {.size = size};
    int port;

    atomic_fetch_add(&calls, 1);
    memcpy(&address.storage, addr, size);
    port = coil_address_get_port(&address);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (failures[i].port == port) {
            return failures[i].error;
        }
    }
    if (port == SLOW_PORT) {
        atomic_fetch_add(&waiting, 1);
        sem_wait(&gate);
        atomic_fetch_sub(&waiting, 1);
    }
    snprintf(host, host_size, "%s%s", flags & NI_NUMERICHOST ? "number" : "name",
             flags & NI_NAMEREQD ? ".required" : "");
    snprintf(service, service_size, "%s%s", flags & NI_NUMERICSERV ? "number" : "service",
             flags & NI_DGRAM ? ".udp" : "");
    return 0;
}

/* --- helpers --- */

static struct coil_address address_of(const char *text)
{
    struct coil_address address = {.size = 0};

    CHECK_OK(coil_address_parse(text, &address));
    return address;
}

static void expect(const char *text, struct coil_name_options options, const char *host_expected,
                   const char *service_expected)
{
    struct coil_address address = address_of(text);
    char host[COIL_NAME_HOST] = "";
    char service[COIL_NAME_SERVICE] = "";

    CHECK_OK(coil_getnameinfo(&address, &options, host, sizeof host, service, sizeof service));
    CHECK_STR(host, host_expected);
    CHECK_STR(service, service_expected);
}

static int ask(void *arg)
{
    char host[COIL_NAME_HOST] = "untouched";
    int rc = coil_getnameinfo(arg, NULL, host, sizeof host, NULL, 0);

    if (rc < 0) {
        CHECK_STR(host, "untouched");
    }
    return rc;
}

/* Not for ever: a fault may have kept some of them from beginning. */
static void await_waiting(int count)
{
    for (int i = 0; i < 20000 && atomic_load(&waiting) != count && !test_has_noticed(); i++) {
        coil_yield();
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    CHECK_INT(atomic_load(&waiting), ==, count);
}

/* --- tests --- */

TASK_TEST(name_numbers_without_a_thread)
{
    struct coil_name_options numbers = {.numeric_host = true, .numeric_service = true};

    expect("1.2.3.4:80", numbers, "1.2.3.4", "80");
    expect("[2001:db8::1]:443", numbers, "2001:db8::1", "443");
    expect("[::]:0", numbers, "::", "0");
    expect("[fe80::1%lo]:9", numbers, "fe80::1%lo", "9");
    CHECK_INT(atomic_load(&calls), ==, 0);
    return 0;
}

TASK_TEST(name_one_is_wanted)
{
    struct coil_name_options numbers = {.numeric_host = true, .numeric_service = true};
    struct coil_address address = address_of("1.2.3.4:80");
    char text[COIL_NAME_HOST];

    CHECK_OK(coil_getnameinfo(&address, &numbers, text, sizeof text, NULL, 0));
    CHECK_STR(text, "1.2.3.4");
    CHECK_OK(coil_getnameinfo(&address, &numbers, NULL, 0, text, sizeof text));
    CHECK_STR(text, "80");
    numbers.numeric_service = false;
    CHECK_OK(coil_getnameinfo(&address, &numbers, text, sizeof text, NULL, 0));
    CHECK_STR(text, "1.2.3.4");
    CHECK_INT(atomic_load(&calls), ==, 0); /* no need to ask for the service */
    CHECK_OK(coil_getnameinfo(&address, NULL, NULL, 0, text, sizeof text));
    CHECK_STR(text, "service");
    return 0;
}

TASK_TEST(name_asks_for_names)
{
    struct coil_name_options all = {.name_required = true, .datagram = true};

    expect("192.0.2.1:80", (struct coil_name_options){0}, "name", "service");
    expect("192.0.2.1:80", all, "name.required", "service.udp");
    expect("192.0.2.1:80", (struct coil_name_options){.numeric_host = true}, "number", "service");
    expect("192.0.2.1:80", (struct coil_name_options){.numeric_service = true}, "name", "number");
    CHECK_INT(atomic_load(&calls), ==, 4);
    return 0;
}

TASK_TEST(name_of_loopback_when_simulated)
{
    struct coil_name_options options = {.numeric_service = true};

    if (!test_backend_is("sim")) {
        test_skip("about the simulated backend");
    }
    expect("127.0.0.1:80", options, "localhost", "80");
    expect("[::1]:80", options, "localhost", "80");
    CHECK_INT(atomic_load(&calls), ==, 0);
    return 0;
}

TASK_TEST(name_errors)
{
    struct coil_name_options numbers = {.numeric_host = true, .numeric_service = true};
    struct coil_name_options odd = {.numeric_host = true, .name_required = true};
    struct coil_address address = address_of("1.2.3.4:80");
    struct coil_address path = address_of("unix:/x");
    char host[16] = "untouched";
    char service[8] = "un";

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        CHECK_OK(coil_address_set_port(&address, (uint16_t)failures[i].port));
        CHECK_ERR(ask(&address), failures[i].rc);
    }
    CHECK_OK(coil_address_set_port(&address, 80));
    CHECK_ERR(coil_getnameinfo(&address, &numbers, host, 7, service, 8), -ENOSPC);
    CHECK_ERR(coil_getnameinfo(&address, &numbers, host, 8, service, 2), -ENOSPC);
    CHECK_ERR(coil_getnameinfo(&address, NULL, host, 4, service, 8), -ENOSPC);
    CHECK_ERR(coil_getnameinfo(&address, &odd, host, 16, service, 8), -EINVAL);
    CHECK_ERR(coil_getnameinfo(&address, NULL, NULL, 0, NULL, 0), -EINVAL);
    CHECK_ERR(coil_getnameinfo(NULL, NULL, host, 16, NULL, 0), -EINVAL);
    CHECK_ERR(coil_getnameinfo(&path, NULL, host, 16, NULL, 0), -EAFNOSUPPORT);
    CHECK_STR(host, "untouched");
    CHECK_STR(service, "un");
    return 0;
}

TASK_TEST(name_cancel_returns_at_once)
{
    struct coil_address slow = address_of("192.0.2.1:7");
    struct coil_task *tasks[6];
    int rc = 0;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 6; i++) {
        tasks[i] = test_made(coil_create_task(ask, &slow));
    }
    await_waiting(4); /* and two have no thread yet */
    for (int i = 0; i < 6; i++) {
        coil_cancel(tasks[i]);
        CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
    }
    coil_timeout(COIL_MSEC) {
        rc = ask(&slow);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    for (int i = 0; i < 4; i++) {
        sem_post(&gate);
    }
    await_waiting(0);
    coil_cancel(coil_current_task());
    calls = 0;
    CHECK_ERR(ask(&slow), -ECANCELED);
    CHECK_INT(atomic_load(&calls), ==, 0);
    return 0;
}

TASK_TEST(name_without_memory_or_threads)
{
    struct coil_address address = address_of("192.0.2.1:80");

    fault_alloc_at(1);
    CHECK_ERR(ask(&address), -ENOMEM);
    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(ask(&address), -EAGAIN);
    fault_off();
    CHECK_OK(ask(&address));
    return 0;
}

COIL_TEST(name_outside_of_a_task)
{
    struct coil_address address = address_of("192.0.2.1:80");

    CHECK_ERR(ask(&address), -COIL_ENOLOOP);
}
