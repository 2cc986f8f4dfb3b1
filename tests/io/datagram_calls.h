/* What the tests of datagram endpoints share. */
#ifndef COIL_TESTS_DATAGRAM_CALLS_H
#define COIL_TESTS_DATAGRAM_CALLS_H

#include "in_task.h"

#include <stdio.h>

static inline void need_datagrams(void)
{
    if (test_backend_is("sim")) {
        test_skip("the simulated network has no datagrams");
    }
}

static inline struct coil_address address_of(const char *text)
{
    struct coil_address address = {.size = 0};

    CHECK_OK(coil_address_parse(text, &address));
    return address;
}

static inline struct coil_datagram *open_at(const char *text,
                                            const struct coil_datagram_options *options)
{
    struct coil_address address = address_of(text);
    struct coil_datagram *datagram = NULL;

    CHECK_OK(coil_datagram_open(&address, NULL, options, &datagram));
    return datagram;
}

static inline struct coil_datagram *open_here(struct coil_address *ret_address)
{
    struct coil_datagram *datagram = open_at("127.0.0.1:0", NULL);

    CHECK_OK(coil_datagram_get_address(datagram, ret_address));
    return datagram;
}

static inline struct coil_datagram *open_to(const struct coil_address *remote)
{
    struct coil_datagram *datagram = NULL;

    CHECK_OK(coil_datagram_open(NULL, remote, NULL, &datagram));
    return datagram;
}

/* An address at which nobody receives. */
static inline struct coil_address nobody(void)
{
    struct coil_address address = {.size = 0};

    coil_datagram_close(open_here(&address));
    return address;
}

static inline void expect(struct coil_datagram *datagram, const char *text)
{
    char buf[64] = "";

    CHECK_INT(coil_datagram_recv(datagram, buf, sizeof buf), ==, (int64_t)strlen(text));
    CHECK_MEM(buf, text, strlen(text));
}

static inline void expect_nothing(struct coil_datagram *datagram)
{
    char buf[64];

    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_datagram_recv(datagram, buf, sizeof buf), -ETIMEDOUT);
    }
}

/* A call in a task of its own. */
enum how { RECV, RECV_BATCH, SEND, SEND_BATCH, HOWS };

struct job {
    enum how how;
    struct coil_datagram *datagram;
    const struct coil_address *to; /* may be NULL */
    ssize_t rc;
    char buf[4096];
};

static inline ssize_t call(struct job *job)
{
    struct coil_datagram_message message = {.buf = job->buf, .size = sizeof job->buf};

    if (job->to) {
        message.address = *job->to;
    }
    switch (job->how) {
    case RECV:
        return coil_datagram_recv(job->datagram, job->buf, sizeof job->buf);
    case RECV_BATCH:
        return coil_datagram_recv_batch(job->datagram, &message, 1);
    case SEND:
        return job->to ? coil_datagram_send_to(job->datagram, job->buf, sizeof job->buf, job->to)
                       : coil_datagram_send(job->datagram, job->buf, sizeof job->buf);
    default:
        return coil_datagram_send_batch(job->datagram, &message, 1);
    }
}

static inline int run_job(void *arg)
{
    struct job *job = arg;

    job->rc = call(job);
    return 0;
}

static inline struct coil_task *start(struct job *job, enum how how, struct coil_datagram *datagram,
                                      const struct coil_address *to)
{
    *job = (struct job){.how = how, .datagram = datagram, .to = to};
    return coil_create_task(run_job, job);
}

static inline struct coil_address unix_at(const char *name)
{
    struct coil_address address = {.size = 0};
    char path[80];
    char text[100];

    test_temp_path(path, sizeof path, name);
    snprintf(text, sizeof text, "unix:%s", path);
    CHECK_OK(coil_address_parse(text, &address));
    return address;
}

#endif
