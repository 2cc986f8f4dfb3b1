/* What getaddrinfo answers, and the order in which a dial tries it: families alternate, beginning
 * with the first one's (RFC 8305, section 4). The answer is made here, from the input. */
#include "fuzz.h"

#include <netdb.h>
#include <netinet/in.h>

enum { MAX_ADDRESSES = 24 };

struct answer {
    struct addrinfo info;
    struct sockaddr_storage storage;
};

static struct answer answers[MAX_ADDRESSES];
static size_t answer_count;

/* Takes the place of the system's. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    (void)host;
    (void)service;
    (void)hints;
    *ret_list = answer_count > 0 ? &answers[0].info : NULL;
    return answer_count > 0 ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

static void make_answer(struct answer *answer, unsigned what, unsigned number)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};

    memset(answer, 0, sizeof *answer);
    in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    in6.sin6_addr.s6_addr[0] = 0xfd;
    in6.sin6_addr.s6_addr[15] = (uint8_t)number;
    if (what % 4 == 0) {
        answer->info.ai_family = AF_UNIX; /* nobody should say that, and nobody should mind */
        answer->info.ai_addrlen = sizeof(sa_family_t);
        answer->storage.ss_family = AF_UNIX;
    } else if (what % 2) {
        answer->info.ai_family = AF_INET;
        answer->info.ai_addrlen = sizeof in4;
        memcpy(&answer->storage, &in4, sizeof in4);
    } else {
        answer->info.ai_family = AF_INET6;
        answer->info.ai_addrlen = sizeof in6;
        memcpy(&answer->storage, &in6, sizeof in6);
    }
    answer->info.ai_addr = (struct sockaddr *)(void *)&answer->storage;
}

static void describe(struct fuzz_input *in)
{
    answer_count = take_below(in, MAX_ADDRESSES + 1);
    for (size_t i = 0; i < answer_count; i++) {
        make_answer(&answers[i], take_byte(in), take_byte(in));
        if (i > 0) {
            answers[i - 1].info.ai_next = &answers[i].info;
        }
    }
}

static bool is_same(const struct coil_address *address, const struct answer *answer, int port)
{
    struct coil_address expected = {.size = answer->info.ai_addrlen, .storage = answer->storage};

    if (port >= 0) {
        coil_address_set_port(&expected, (uint16_t)port);
    }
    return address->size == expected.size &&
           memcmp(&address->storage, &expected.storage, expected.size) == 0;
}

/* Those that are IP addresses, in their order. */
static size_t list_expected(const struct answer *expected[MAX_ADDRESSES])
{
    size_t count = 0;

    for (size_t i = 0; i < answer_count; i++) {
        if (answers[i].info.ai_family != AF_UNIX) {
            expected[count++] = &answers[i];
        }
    }
    return count;
}

static void check_resolve(const char *service, int port)
{
    const struct answer *expected[MAX_ADDRESSES];
    size_t expected_count = list_expected(expected);
    struct coil_address *list = NULL;
    size_t count = 0;
    int rc = coil_resolve("host.example", service, NULL, &list, &count);

    FUZZ_CHECK(rc == (expected_count > 0 ? 0 : -COIL_EHOSTNAME));
    FUZZ_CHECK(count == expected_count);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(is_same(&list[i], expected[i], port));
    }
    coil_resolve_free(list);
}

/* Takes the first one that is, or is not, of the family out of the list. NULL: there is none. */
static const struct answer *take(const struct answer **list, size_t count, int family, bool is_of)
{
    for (size_t i = 0; i < count; i++) {
        const struct answer *answer = list[i];

        if (answer && (answer->info.ai_family == family) == is_of) {
            list[i] = NULL;
            return answer;
        }
    }
    return NULL;
}

/* Nobody listens anywhere, so all are tried. */
static void check_dial(bool in_order)
{
    const struct answer *list[MAX_ADDRESSES];
    struct coil_dial_attempt attempts[MAX_ADDRESSES];
    size_t count = 0;
    struct coil_dial_options options = {.no_happy_eyeballs = in_order,
                                        .ret_attempts = attempts,
                                        .max_attempts = MAX_ADDRESSES,
                                        .ret_attempt_count = &count};
    size_t expected_count = list_expected(list);
    int family = expected_count > 0 ? list[0]->info.ai_family : 0;
    bool is_preferred = true;

    FUZZ_CHECK(coil_dial("host.example", 80, &options) < 0);
    FUZZ_CHECK(count == expected_count);
    for (size_t i = 0; i < count; i++) {
        const struct answer *expected = in_order ? list[i] : NULL;

        if (!in_order) {
            expected = take(list, expected_count, family, is_preferred);
            expected = expected ? expected : take(list, expected_count, family, !is_preferred);
            is_preferred = expected->info.ai_family != family;
        }
        FUZZ_CHECK(attempts[i].error < 0 && is_same(&attempts[i].address, expected, 80));
    }
}

static int run(void *arg)
{
    describe(arg);
    check_resolve(NULL, 0);
    check_resolve("7", 7);
    check_resolve("service", -1);
    check_dial(true);
    check_dial(false);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    run_simulated(run, &in);
    return 0;
}
