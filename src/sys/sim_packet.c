/* sim_packet.c - what is under way between two simulated sockets.
 *
 * A packet belongs to the socket it goes to: it stands in that socket's list, in order, and in
 * the backend's heap by time of arrival. Where there is no latency no packet is made: the effect
 * comes at once. Bytes are not in packets: they stand in the receiver's buffer from the start (so
 * that the buffer bounds what is under way, too) and a DATA packet only makes them visible.
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
    case COIL__SIM_REFUSED:
        if (to->state == COIL__SIM_CONNECTING) {
            to->state = COIL__SIM_UNCONNECTED;
            to->error = (int)value;
        }
        break;
    }
    coil__sim_touch(sim, to);
}

static int64_t draw_arrival(struct coil__sim *sim, const struct coil__sim_socket *to, unsigned hops)
{
    const struct coil__sim_faults *faults = &sim->faults;
    int64_t when = sim->now;

    if (faults->latency_max_ns <= 0 || to->domain == AF_UNIX) {
        return when;
    }
    while (hops-- > 0) {
        uint64_t span = (uint64_t)(faults->latency_max_ns - faults->latency_min_ns);

        when += faults->latency_min_ns + (int64_t)coil__sim_random_below(&sim->chance, span + 1);
    }
    return when > to->last_arrival ? when : to->last_arrival;
}

int coil__sim_packet_send(struct coil__sim *sim, struct coil__sim_socket *to,
                          enum coil__sim_packet_kind kind, size_t value, unsigned hops)
{
    int64_t when = draw_arrival(sim, to, hops);
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
    to->last_arrival = when;
    packet->to = to;
    packet->kind = kind;
    packet->value = value;
    coil__list_push_tail(&to->packets, &packet->link);
    return 0;
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
