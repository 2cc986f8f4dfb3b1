/* A name service of our own: getaddrinfo is replaced here, so that every answer and every delay can
 * be had. A name that begins with "slow" waits at the gate. */
#ifndef COIL_TESTS_NAME_SERVICE_H
#define COIL_TESTS_NAME_SERVICE_H

#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_int calls;
static atomic_int waiting;
static sem_t gate;

static struct addrinfo *make_info(const char *ip, uint16_t port, struct addrinfo *next)
{
    struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in6));
    struct coil_address address;

    CHECK_OK(coil_address_from_ip(ip, port, &address));
    if (!info) {
        return next;
    }
    info->ai_family = address.storage.ss_family;
    info->ai_addr = (struct sockaddr *)(void *)(info + 1);
    info->ai_addrlen = address.size;
    memcpy(info->ai_addr, &address.storage, address.size);
    info->ai_next = next;
    return info;
}

static const struct {
    const char *host;
    int error;
} failures[] = {
    {"noname", EAI_NONAME},     {"nodata", EAI_NODATA}, {"family", EAI_FAMILY},
    {"again", EAI_AGAIN},       {"fail", EAI_FAIL},     {"memory", EAI_MEMORY},
    {"service", EAI_SERVICE},   {"system", EAI_SYSTEM}, {"nofamily", EAI_ADDRFAMILY},
    {"systemless", EAI_SYSTEM},
};

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_info)
{
    uint16_t port = service && strcmp(service, "https") == 0 ? 443 : 0;

    atomic_fetch_add(&calls, 1);
    CHECK_INT(hints->ai_socktype, ==, SOCK_STREAM);
    if (host && strncmp(host, "slow", 4) == 0) {
        atomic_fetch_add(&waiting, 1);
        sem_wait(&gate);
        atomic_fetch_sub(&waiting, 1);
    }
    for (size_t i = 0; host && i < sizeof failures / sizeof *failures; i++) {
        if (strcmp(host, failures[i].host) == 0) {
            errno = strcmp(host, "system") == 0 ? EMFILE : 0;
            return failures[i].error;
        }
    }
    if (host && strcmp(host, "delayed") == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 120 * 1000000}, NULL);
    }
    if (!host) {
        *ret_info = make_info(hints->ai_flags & AI_PASSIVE ? "::" : "::1", port, NULL);
    } else if (hints->ai_family == AF_INET) {
        *ret_info = make_info("192.0.2.1", port, NULL);
    } else {
        *ret_info = make_info("2001:db8::1", port, make_info("192.0.2.1", port, NULL));
    }
    return *ret_info ? 0 : EAI_MEMORY;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info) {
        struct addrinfo *next = info->ai_next;

        free(info);
        info = next;
    }
}

static inline void open_gate(int times)
{
    for (int i = 0; i < times; i++) {
        sem_post(&gate);
    }
}

static inline void await_waiting(int count)
{
    for (int i = 0; i < (test_is_torture() ? 5000 : 20000) && atomic_load(&waiting) != count; i++) {
        CHECK_OK(coil_yield());
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    CHECK_INT(atomic_load(&waiting), ==, count);
}

/* What a thread that nobody waits for frees last. */
static inline void await_no_blocks(size_t blocks)
{
    for (int i = 0; i < 2000 && test_live_blocks() > blocks; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* --- asking it --- */

static inline const char *text_of(const struct coil_address *address)
{
    static char text[COIL_ADDRESS_TEXT];

    CHECK_INT(coil_address_format(address, text, sizeof text), ==, strlen(text));
    return text;
}

static inline int resolve_text(const char *host, const char *service, int family, bool passive,
                               const char *expected)
{
    struct coil_resolve_options options = {.family = family, .passive = passive};
    struct coil_address *list = NULL;
    char text[512] = "";
    size_t count = 0;
    int rc = coil_resolve(host, service, &options, &list, &count);

    if (rc < 0) {
        CHECK_PTR(list, ==, NULL);
        CHECK_INT(count, ==, 0);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, text_of(&list[i]));
    }
    coil_resolve_free(list);
    CHECK_STR(text, expected);
    return rc;
}

static inline int resolve_host(void *arg)
{
    return resolve_text(arg, "80", 0, false, "[2001:db8::1]:80 192.0.2.1:80");
}

static inline void *slow(void)
{
    return (void *)(uintptr_t) "slow";
}

#endif
