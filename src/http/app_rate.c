/* app_rate.c - how much each client may ask for.
 *
 * A token bucket, kept as one point in time (the generic cell rate algorithm): when the client's
 * bucket is full again. Each request moves that by the time it takes to fill in one token; if it
 * would come to lie further ahead than all of the tokens together, the request is one too many.
 * A point in the past is a full bucket: the same as none, so nothing ever has to be cleaned up.
 *
 * The table is a number of sets of eight. A client's set, and what it is recognised by, are a hash
 * with a secret key (SipHash): nobody can choose who shares a set with him. Where a set is full,
 * the one goes that has used least. So a look takes the same time always, and all memory is taken
 * at the beginning.
 */
#include "http/app.h"

#include "base/memory.h"

#include <coil/address.h>
#include <coil/loop.h>

#include <openssl/rand.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

enum { WAYS = 8, KEY_SIZE = 256, MAX_CLIENTS = 10 * 1000 * 1000 };

struct client {
    uint64_t hash; /* 0: nobody */
    int64_t full;  /* when its bucket is */
};

struct coil_app_rate {
    struct coil_app_rate_options options;
    int64_t token_ns; /* one token takes so long */
    int64_t burst_ns; /* all of them */
    uint64_t keys[2];
    size_t sets; /* a power of two */
    struct client *clients;
};

/* --- SipHash-1-3 --- */

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Never 0. */
static uint64_t hash_of(const uint64_t keys[2], const char *data, size_t size)
{
    uint64_t v[4] = {keys[0] ^ UINT64_C(0x736f6d6570736575), keys[1] ^ UINT64_C(0x646f72616e646f6d),
                     keys[0] ^ UINT64_C(0x6c7967656e657261),
                     keys[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;

    for (size_t at = 0; at <= size; at += 8) {
        size_t left = size - at;

        word = 0;
        memcpy(&word, data + at, left < 8 ? left : 8);
        word |= left < 8 ? (uint64_t)size << 56 : 0;
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    mix(v);
    mix(v);
    mix(v);
    word = v[0] ^ v[1] ^ v[2] ^ v[3];
    return word ? word : 1;
}

/* --- a limiter --- */

int coil_app_rate_new(const struct coil_app_rate_options *options, struct coil_app_rate **ret_rate)
{
    static const struct coil_app_rate_options none;
    struct coil_app_rate *rate;
    double per_second;

    options = options ? options : &none;
    per_second = options->per_second == 0 ? 10 : options->per_second;
    if (!ret_rate || !(per_second >= 1e-6 && per_second <= 1e9) ||
        options->max_clients > MAX_CLIENTS) {
        return -EINVAL;
    }
    rate = coil__calloc(1, sizeof *rate);
    if (!rate) {
        return -ENOMEM;
    }
    rate->options = *options;
    rate->token_ns = (int64_t)(1e9 / per_second);
    if (__builtin_mul_overflow(rate->token_ns, (int64_t)(options->burst ? options->burst : 20),
                               &rate->burst_ns) ||
        rate->burst_ns > INT64_MAX / 4) {
        rate->burst_ns = INT64_MAX / 4;
    }
    rate->sets = 1;
    while (rate->sets * WAYS < (options->max_clients > 0 ? options->max_clients : 10000)) {
        rate->sets *= 2;
    }
    rate->clients = coil__calloc(rate->sets * WAYS, sizeof *rate->clients);
    if (!rate->clients || RAND_bytes((unsigned char *)rate->keys, sizeof rate->keys) != 1) {
        coil_app_rate_free(rate);
        return -ENOMEM;
    }
    *ret_rate = rate;
    return 0;
}

void coil_app_rate_free(struct coil_app_rate *rate)
{
    if (rate) {
        coil__free(rate->clients);
        coil__free(rate);
    }
}

/* Where the client is kept: his place, or the one that is to be his. */
static struct client *find_client(const struct coil_app_rate *rate, uint64_t hash)
{
    struct client *set = &rate->clients[(hash & (rate->sets - 1)) * WAYS];
    struct client *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
        oldest = set[i].full < oldest->full ? &set[i] : oldest;
    }
    *oldest = (struct client){.hash = hash, .full = INT64_MIN};
    return oldest;
}

/* 0; or how long it must wait. */
static int64_t take_token(const struct coil_app_rate *rate, uint64_t hash)
{
    struct client *client = find_client(rate, hash);
    int64_t now = coil_now();
    int64_t full = client->full > now ? client->full : now;
    int64_t excess = full - now + rate->token_ns - rate->burst_ns;

    if (excess > 0) {
        return excess;
    }
    client->full = full + rate->token_ns;
    return 0;
}

/* --- who asks --- */

/* The address without its port; of IPv6 what one customer gets at least. Not of a socket: "". */
static size_t peer_of(const struct coil_http_exchange *exchange, char *buf)
{
    struct coil_address address;

    if (coil_http_get_peer(exchange, &address) < 0) {
        return 0;
    }
    if (address.storage.ss_family == AF_INET) {
        memcpy(buf, &((struct sockaddr_in *)&address.storage)->sin_addr, 4);
        return 4;
    }
    if (address.storage.ss_family == AF_INET6) {
        const struct in6_addr *ip = &((struct sockaddr_in6 *)&address.storage)->sin6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(ip);

        memcpy(buf, ip->s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 8);
        return is_mapped ? 4 : 8;
    }
    return 0;
}

static int refuse(struct coil_http_exchange *exchange, int64_t wait_ns)
{
    char seconds[24];
    int rc;

    snprintf(seconds, sizeof seconds, "%lld", (long long)((wait_ns + COIL_SEC - 1) / COIL_SEC));
    rc = coil_http_add_field(exchange, "Retry-After", seconds);
    return rc < 0 ? rc : coil_app_problem(exchange, 429, NULL, "Too many requests in a row.");
}

int coil_app_rate_limit(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                        void *user)
{
    const struct coil_app_rate *rate = user;
    char key[KEY_SIZE];
    int64_t wait_ns;
    size_t size;

    if (!exchange || !next || !rate) {
        return -EINVAL;
    }
    if (rate->options.key) {
        key[0] = '\0';
        if (rate->options.key(exchange, key, sizeof key, rate->options.user) < 0) {
            return coil_app_next(exchange, next);
        }
        size = strnlen(key, sizeof key);
    } else {
        size = peer_of(exchange, key);
    }
    wait_ns = take_token(rate, hash_of(rate->keys, key, size));
    return wait_ns > 0 ? refuse(exchange, wait_ns) : coil_app_next(exchange, next);
}
