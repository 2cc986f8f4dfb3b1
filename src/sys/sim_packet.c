/* sim_packet.c - what is under way between two simulated sockets.
 *
 * A packet belongs to the socket it goes to: it stands in that socket's list, in order, and in
 * the backend's heap by time of arrival. Where there is no latency no packet is made: the effect
 * comes at once. Bytes are not in packets: they stand in the receiver's buffer from the start (so
 * that the buffer bounds what is under way, too) and a DATA packet only makes them visible.
 *
 * Loss. A stream loses no bytes: what is lost is sent again, later and later, with the times that
 * Linux has (tcp(7): tcp_retries2 of 15, tcp_syn_retries of 6). So a loss is a delay, also for what
 * comes behind it. A packet that was lost that often breaks the connection: whoever sent it is told
 * -ETIMEDOUT by then, and the other end nothing, as its host would never hear of it.
 *
 * Invariant: packets to one socket arrive in the order in which they were sent, except that an
 * END or RST for which there was no memory arrives at once. The receiver therefore reports an end
 * only when no bytes are under way.
 */
#include "base/memory.h"
#include "sys/sim.h"

#include <errno.h>

struct coil__sim_packet {
    struct coil__heap_node node; /* in coil__sim.packets */
    struct coil__list link;      /* in coil__sim_socket.packets */
    struct coil__sim_socket *to;
    enum coil__sim_packet_kind kind;
    size_t value;
};

static void arrive_reset(struct coil__sim *sim, struct coil__sim_socket *to)
{
    coil__sim_packets_drop(sim, to);
    if (to->peer) {
        to->peer->peer = NULL;
        to->peer = NULL;
    }
    if (to->state == COIL__SIM_CONNECTING) {
        to->state = COIL__SIM_UNCONNECTED;
        to->error = ECONNREFUSED;
    } else if (to->state == COIL__SIM_CONNECTED) {
        to->state = COIL__SIM_RESET;
        to->error = to->has_end ? EPIPE : ECONNRESET;
    }
}

static void arrive(struct coil__sim *sim, struct coil__sim_socket *to,
                   enum coil__sim_packet_kind kind, size_t value)
{
    switch (kind) {
    case COIL__SIM_DATA:
        to->in.arrived += value;
        break;
    case COIL__SIM_END:
        to->has_end = true;
        break;
    case COIL__SIM_RST:
        arrive_reset(sim, to);
        break;
    case COIL__SIM_KNOCK:
        coil__sim_knock(sim, to);
        break;
    case COIL__SIM_ESTABLISHED:
        if (to->state == COIL__SIM_CONNECTING) {
            to->state = COIL__SIM_CONNECTED;
        }
        break;
    case COIL__SIM_TIMEOUT:
        if (to->state == COIL__SIM_CONNECTED) {
            to->state = COIL__SIM_RESET;
            to->error = ETIMEDOUT;
        }
        break;
    case COIL__SIM_REFUSED:
        if (to->state == COIL__SIM_CONNECTING) {
            to->state = COIL__SIM_UNCONNECTED;
            to->error = (int)value;
        }
        break;
    }
    coil__sim_touch(sim, to);
}

/* How a lost packet is sent again: after which time, which doubles up to which one, how often. */
struct retries {
    int64_t first_ns;
    int64_t longest_ns;
    unsigned count;
};

static const struct retries of_connect = {1 * COIL_SEC, 64 * COIL_SEC, 6};
static const struct retries of_data = {200 * COIL_MSEC, 120 * COIL_SEC, 15};

/* The delay by which a packet arrives for its losses. True: it never does, and this is when its
 * sender gives up. */
static bool draw_losses(struct coil__sim *sim, const struct retries *retries, int64_t *ret_delay)
{
    int64_t wait = retries->first_ns;
    int64_t delay = 0;
    unsigned lost = 0;

    while (lost <= retries->count &&
           coil__sim_happens(sim, sim->faults.losses, &sim->counts.losses)) {
        delay += wait;
        wait = wait * 2 < retries->longest_ns ? wait * 2 : retries->longest_ns;
        lost++;
    }
    *ret_delay = delay;
    return lost > retries->count;
}

static bool is_of_connect(enum coil__sim_packet_kind kind)
{
    return kind == COIL__SIM_KNOCK || kind == COIL__SIM_ESTABLISHED || kind == COIL__SIM_REFUSED;
}

/* When a packet arrives; or, if *ret_is_lost, when its sender gives up. */
static int64_t draw_arrival(struct coil__sim *sim, const struct coil__sim_socket *to,
                            enum coil__sim_packet_kind kind, unsigned hops, bool *ret_is_lost)
{
    const struct coil__sim_faults *faults = &sim->faults;
    int64_t when = sim->now;
    int64_t delay;

    *ret_is_lost = false;
    if (to->domain == AF_UNIX) {
        return when;
    }
    sim->counts.packets++;
    *ret_is_lost = draw_losses(sim, is_of_connect(kind) ? &of_connect : &of_data, &delay);
    when += delay;
    while (hops-- > 0 && faults->latency_max_ns > 0) {
        uint64_t span = (uint64_t)(faults->latency_max_ns - faults->latency_min_ns);

        when += faults->latency_min_ns + (int64_t)coil__sim_random_below(&sim->chance, span + 1);
    }
    return when > to->last_arrival ? when : to->last_arrival;
}

static int enqueue(struct coil__sim *sim, struct coil__sim_socket *to,
                   enum coil__sim_packet_kind kind, size_t value, int64_t when)
{
    struct coil__sim_packet *packet = NULL;

    if (when > sim->now) {
        packet = coil__calloc(1, sizeof *packet);
        if (packet && coil__heap_push(&sim->packets, &packet->node, when) < 0) {
            coil__free(packet);
            packet = NULL;
        }
        if (!packet && kind == COIL__SIM_DATA) {
            return -ENOMEM;
        }
    }
    if (!packet) {
        arrive(sim, to, kind, value);
        return 0;
    }
    to->last_arrival = when > to->last_arrival ? when : to->last_arrival;
    packet->to = to;
    packet->kind = kind;
    packet->value = value;
    coil__list_push_tail(&to->packets, &packet->link);
    return 0;
}

/* Parts the two ends of a connection; the one that was there, or NULL. */
static struct coil__sim_socket *part(struct coil__sim_socket *socket)
{
    struct coil__sim_socket *peer = socket->peer;

    socket->peer = NULL;
    if (peer) {
        peer->peer = NULL;
    }
    return peer;
}

/* A packet of this kind to `to` never arrives, and its sender gives up at `when`. */
static int lose(struct coil__sim *sim, struct coil__sim_socket *to, enum coil__sim_packet_kind kind,
                int64_t when)
{
    struct coil__sim_socket *peer;

    if (is_of_connect(kind)) {
        peer = part(to);
        if (peer) { /* it stands in the backlog, and would never hear anything */
            arrive(sim, peer, COIL__SIM_RST, 0);
        }
        return enqueue(sim, to, COIL__SIM_REFUSED, ETIMEDOUT, when);
    }
    if (kind == COIL__SIM_RST) {
        return 0; /* is not acknowledged, and so not repeated */
    }
    peer = part(to);
    return peer ? enqueue(sim, peer, COIL__SIM_TIMEOUT, 0, when) : 0;
}

int coil__sim_packet_send(struct coil__sim *sim, struct coil__sim_socket *to,
                          enum coil__sim_packet_kind kind, size_t value, unsigned hops)
{
    bool is_lost;
    int64_t when = draw_arrival(sim, to, kind, hops, &is_lost);

    return is_lost ? lose(sim, to, kind, when) : enqueue(sim, to, kind, value, when);
}

void coil__sim_packets_deliver(struct coil__sim *sim)
{
    while (coil__heap_min_key(&sim->packets) <= sim->now) {
        struct coil__heap_node *node = coil__heap_min(&sim->packets);
        struct coil__sim_packet *packet = COIL__CONTAINER(node, struct coil__sim_packet, node);
        struct coil__sim_packet copy = *packet;

        coil__heap_remove(&sim->packets, node);
        coil__list_remove(&packet->link);
        coil__free(packet);
        arrive(sim, copy.to, copy.kind, copy.value);
    }
}

void coil__sim_packets_drop(struct coil__sim *sim, struct coil__sim_socket *to)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(&to->packets))) {
        struct coil__sim_packet *packet = COIL__CONTAINER(link, struct coil__sim_packet, link);

        coil__heap_remove(&sim->packets, &packet->node);
        coil__free(packet);
    }
    to->in.count = to->in.arrived;
}
