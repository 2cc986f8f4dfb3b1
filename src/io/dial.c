/* dial.c - connecting by name: look up, then Happy Eyeballs (RFC 8305) over the addresses.
 *
 * Each address is an attempt, in an array of the dialing task. An attempt runs as a task of its
 * own in a staggered race (one address alone: in the caller), and leaves its descriptor in the
 * array; who is there but has not won is closed by the dialing task at the end, because a loser
 * may have connected in the same iteration as the winner.
 */
#include "io/address.h"
#include "io/net.h"

#include "base/memory.h"
#include "task/task.h"

#include <coil/dns.h>
#include <coil/gather.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#define ATTEMPT_DELAY (250 * COIL_MSEC)

struct attempt {
    struct coil_address address;
    const struct coil_address *local_address; /* or NULL */
    int fd;                                   /* -1: none */
    int error;
    bool was_made;
};

/* --- one attempt --- */

/* A socket on the way to a port of this machine that nobody listens on may be given that very port
 * for its own, and is then connected to itself. */
static bool is_connected_to_itself(int fd, const struct coil_address *target)
{
    struct coil_address own;

    return coil__address_is_loopback(target) && coil_socket_address(fd, &own) == 0 &&
           coil__address_is_same(&own, target);
}

static int prepare(struct coil_loop *loop, int fd, const struct attempt *attempt)
{
    const struct coil_address *local = attempt->local_address;

    if (attempt->address.storage.ss_family != AF_UNIX) {
        coil__net_set(loop, fd, IPPROTO_TCP, TCP_NODELAY, 1); /* worth having, not worth failing */
    }
    if (!local) {
        return 0;
    }
    if (coil_address_get_port(local) == 0) {
        /* The port is then chosen by connect, which can share one between targets. */
        coil__net_set(loop, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    }
    return coil__net_bind(loop, fd, local);
}

static int connect_fd(struct coil_task *self, int fd, struct coil_address *target)
{
    struct coil_op op = {
        .kind_ = COIL__OP_CONNECT,
        .fd_ = fd,
        .buf_ = &target->storage,
        .size_ = target->size,
    };
    int rc = (int)coil__op_wait(self, &op, "connect");

    return rc == 0 && is_connected_to_itself(fd, target) ? -ECONNREFUSED : rc;
}

/* The descriptor, or an error; both stay in the attempt. */
static int make_attempt(struct coil_task *self, struct attempt *attempt)
{
    struct coil_loop *loop = self->loop;
    int fd;
    int rc;

    attempt->was_made = true;
    fd = rc = coil__net_socket(loop, &attempt->address);
    if (rc >= 0) {
        rc = prepare(loop, fd, attempt);
        rc = rc < 0 ? rc : connect_fd(self, fd, &attempt->address);
        if (rc < 0) {
            coil__net_close(loop, fd);
        }
    }
    attempt->error = rc;
    if (rc < 0) {
        return rc;
    }
    attempt->fd = fd;
    return fd;
}

static int run_attempt(void *arg)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    return rc < 0 ? rc : make_attempt(self, arg);
}

/* --- all of them --- */

/* Families alternate, beginning with the preferred one; within a family the order stays. */
static void fill_in(struct attempt *attempts, const struct coil_address *list, size_t count,
                    bool in_order)
{
    size_t next[2] = {0, 0}; /* of the preferred family, of the others */
    int preferred = list[0].storage.ss_family;
    size_t turn = 0;

    for (size_t i = 0; i < count; i++) {
        size_t *at = &next[turn];

        while (*at < count && (list[*at].storage.ss_family != preferred) != turn) {
            (*at)++;
        }
        if (*at == count) { /* that family has no more */
            turn = !turn;
            i--;
            continue;
        }
        attempts[i].address = list[in_order ? i : *at];
        (*at)++;
        turn = !turn;
    }
}

static int dial_in_order(struct coil_task *self, struct attempt *attempts, size_t count,
                         size_t *ret_winner)
{
    int first_error = 0;

    for (size_t i = 0; i < count; i++) {
        int rc = make_attempt(self, &attempts[i]);

        if (rc >= 0) {
            *ret_winner = i;
            return rc;
        }
        if (self->cancel) {
            return coil__cancel_error(self);
        }
        first_error = first_error ? first_error : rc;
    }
    return first_error;
}

static void report_attempts(const struct attempt *attempts, size_t count,
                            const struct coil_dial_options *options)
{
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        if (!attempts[i].was_made) {
            continue;
        }
        if (options->ret_attempts && made < options->max_attempts) {
            options->ret_attempts[made] = (struct coil_dial_attempt){
                .address = attempts[i].address,
                .error = attempts[i].error,
            };
        }
        made++;
    }
    if (options->ret_attempt_count) {
        *options->ret_attempt_count = made;
    }
}

static int dial_all(struct coil_task *self, struct attempt *attempts, size_t count,
                    const struct coil_dial_options *options)
{
    int64_t delay_ns = options->delay_ns > 0 ? options->delay_ns : ATTEMPT_DELAY;
    size_t winner = count;
    int rc;

    for (size_t i = 0; i < count; i++) {
        attempts[i].local_address = options->local_address;
        attempts[i].fd = -1;
    }
    if (count == 1 || options->no_happy_eyeballs) {
        rc = dial_in_order(self, attempts, count, &winner);
    } else {
        rc = coil_staggered_race(run_attempt, attempts, count, sizeof *attempts, delay_ns, &winner);
    }
    for (size_t i = 0; i < count; i++) {
        if (attempts[i].fd >= 0 && (rc < 0 || i != winner)) {
            coil__net_close(self->loop, attempts[i].fd);
            attempts[i].error = -ECANCELED;
        }
    }
    report_attempts(attempts, count, options);
    return rc;
}

static const struct coil_dial_options defaults = {0};

/* 0 and the calling task; or why it cannot dial. */
static int begin(const void *target, const struct coil_dial_options *options,
                 struct coil_task **ret_self)
{
    int rc = coil__begin(ret_self);

    if (rc < 0) {
        return rc;
    }
    if (options->ret_attempt_count) {
        *options->ret_attempt_count = 0;
    }
    return target && (options->ret_attempts || options->max_attempts == 0) ? 0 : -EINVAL;
}

int coil_dial_address(const struct coil_address *address, const struct coil_dial_options *options)
{
    struct attempt attempt = {0};
    struct coil_task *self;
    int rc;

    options = options ? options : &defaults;
    rc = begin(address, options, &self);
    if (rc < 0) {
        return rc;
    }
    if (address->size == 0) {
        return -EAFNOSUPPORT;
    }
    attempt.address = *address;
    return dial_all(self, &attempt, 1, options);
}

/* The addresses of the host that may be tried. */
static int look_up(const char *host, uint16_t port, const struct coil_dial_options *options,
                   struct coil_address **ret_list, size_t *ret_count)
{
    const struct coil_address *local = options->local_address;
    struct coil_resolve_options resolve_options = {.family = options->family};
    char service[8];

    if (local && local->size > 0) {
        if (options->family && options->family != local->storage.ss_family) {
            return -EINVAL;
        }
        resolve_options.family = local->storage.ss_family;
    }
    snprintf(service, sizeof service, "%u", port);
    return coil_resolve(host, service, &resolve_options, ret_list, ret_count);
}

int coil_dial(const char *host, uint16_t port, const struct coil_dial_options *options)
{
    struct coil_address address;
    struct attempt *attempts;
    struct coil_address *list;
    struct coil_task *self;
    size_t count;
    int rc;

    options = options ? options : &defaults;
    rc = begin(host, options, &self);
    if (rc < 0) {
        return rc;
    }
    if (coil__is_unix(host)) {
        rc = coil_address_parse(host, &address);
        return rc < 0 ? rc : coil_dial_address(&address, options);
    }
    rc = look_up(host, port, options, &list, &count);
    if (rc < 0) {
        return rc;
    }
    attempts = coil__calloc(count, sizeof *attempts);
    if (attempts) {
        fill_in(attempts, list, count, options->no_happy_eyeballs);
        rc = dial_all(self, attempts, count, options);
    } else {
        rc = -ENOMEM;
    }
    coil__free(attempts);
    coil_resolve_free(list);
    return rc;
}
