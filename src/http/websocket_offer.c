/* websocket_offer.c - the agreement on compression (RFC 7692, sections 5 and 7.1). */
#include "http/websocket.h"

#include <errno.h>
#include <stdio.h>

enum { MIN_BITS = 8, MAX_BITS = 15 };

/* Parameters of permessage-deflate. */
struct parameters {
    bool has_server_no_context;
    bool has_client_no_context;
    bool has_server_bits;
    bool has_client_bits;
    uint8_t server_bits; /* 0: without a value */
    uint8_t client_bits;
};

/* A value may stand in quotes (RFC 6455, section 9.1). 0: there is none; -EBADMSG. */
static int bits_of(struct coil__slice value)
{
    uint64_t number;

    if (!value.start) {
        return 0;
    }
    if (value.size >= 2 && value.start[0] == '"' && value.start[value.size - 1] == '"') {
        value = (struct coil__slice){value.start + 1, value.size - 2};
    }
    if (value.size == 0 || value.start[0] == '0' || coil__slice_take_number(&value, &number) < 0 ||
        value.size > 0 || number < MIN_BITS || number > MAX_BITS) {
        return -EBADMSG;
    }
    return (int)number;
}

static int set_flag(bool *flag, struct coil__slice value)
{
    if (*flag || value.start) {
        return -EBADMSG; /* twice, or with a value */
    }
    *flag = true;
    return 0;
}

static int set_bits(bool *has, uint8_t *bits, struct coil__slice value)
{
    int number = *has ? -EBADMSG : bits_of(value);

    if (number < 0) {
        return number;
    }
    *has = true;
    *bits = (uint8_t)number;
    return 0;
}

static int take_parameter(struct coil__slice part, struct parameters *parameters)
{
    const char *equals = memchr(part.start, '=', part.size);
    struct coil__slice value = {0};

    if (equals) {
        value = coil__slice_trim(coil__slice_between(equals + 1, part.start + part.size));
        part = coil__slice_trim(coil__slice_between(part.start, equals));
    }
    if (coil__slice_is_like(part, "server_no_context_takeover")) {
        return set_flag(&parameters->has_server_no_context, value);
    }
    if (coil__slice_is_like(part, "client_no_context_takeover")) {
        return set_flag(&parameters->has_client_no_context, value);
    }
    if (coil__slice_is_like(part, "server_max_window_bits")) {
        return value.start ? set_bits(&parameters->has_server_bits, &parameters->server_bits, value)
                           : -EBADMSG;
    }
    if (coil__slice_is_like(part, "client_max_window_bits")) {
        return set_bits(&parameters->has_client_bits, &parameters->client_bits, value);
    }
    return -EBADMSG;
}

/* Of one extension. 0, -EBADMSG: another one, or parameters that are not of this one. */
static int parse(struct coil__slice extension, struct parameters *ret_parameters)
{
    struct parameters parameters = {0};
    struct coil__slice part;
    int rc = 0;

    if (!coil__slice_take_part(&extension, ';', &part) ||
        !coil__slice_is_like(part, "permessage-deflate")) {
        return -EBADMSG;
    }
    while (rc == 0 && coil__slice_take_part(&extension, ';', &part)) {
        rc = take_parameter(part, &parameters);
    }
    if (rc == 0) {
        *ret_parameters = parameters;
    }
    return rc;
}

static uint8_t bits_or_all(uint8_t bits)
{
    return bits > 0 ? bits : MAX_BITS;
}

bool coil__websocket_take_offer(struct coil__slice offers, bool context_takeover,
                                struct coil__websocket_deflate *ret_deflate)
{
    struct coil__slice offer;

    while (coil__slice_take_element(&offers, &offer)) {
        struct parameters parameters;

        if (parse(offer, &parameters) == 0) {
            *ret_deflate = (struct coil__websocket_deflate){
                .is_on = true,
                .out_bits = bits_or_all(parameters.server_bits),
                .in_bits = bits_or_all(parameters.client_bits),
                .keeps_out = context_takeover && !parameters.has_server_no_context,
                .keeps_in = context_takeover && !parameters.has_client_no_context,
            };
            return true;
        }
    }
    return false;
}

size_t coil__websocket_write_answer(const struct coil__websocket_deflate *deflate,
                                    char room[COIL__WEBSOCKET_OFFER_ROOM])
{
    char bits[40] = "";

    if (deflate->out_bits < MAX_BITS) {
        snprintf(bits, sizeof bits, "; server_max_window_bits=%u", deflate->out_bits);
    }
    return (size_t)snprintf(room, COIL__WEBSOCKET_OFFER_ROOM, "permessage-deflate%s%s%s",
                            deflate->keeps_out ? "" : "; server_no_context_takeover",
                            deflate->keeps_in ? "" : "; client_no_context_takeover", bits);
}

const char *coil__websocket_offer(bool context_takeover)
{
    return context_takeover ? "permessage-deflate; client_max_window_bits"
                            : "permessage-deflate; server_no_context_takeover; "
                              "client_no_context_takeover; client_max_window_bits";
}

int coil__websocket_take_answer(struct coil__slice answer,
                                struct coil__websocket_deflate *ret_deflate)
{
    struct parameters parameters;
    struct coil__slice extension, other;

    if (!coil__slice_take_element(&answer, &extension)) {
        return 0;
    }
    if (ret_deflate->is_on || parse(extension, &parameters) < 0 ||
        (parameters.has_client_bits && parameters.client_bits == 0) ||
        coil__slice_take_element(&answer, &other)) {
        return -COIL_EPROTOCOL;
    }
    *ret_deflate = (struct coil__websocket_deflate){
        .is_on = true,
        .out_bits = bits_or_all(parameters.client_bits),
        .in_bits = bits_or_all(parameters.server_bits),
        .keeps_out = !parameters.has_client_no_context,
        .keeps_in = !parameters.has_server_no_context,
    };
    return 0;
}
