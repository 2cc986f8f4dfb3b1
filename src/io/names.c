/* names.c - see names.h.
 *
 * An entry is a question, with those who wait for its answer or with the answer. As long as it is
 * in its bucket it can be found; so a flush takes it out, and who comes later asks anew. It is
 * remembered while it is in `known`, which is in order of use and has a bound. Tasks that were
 * woken take their copy of the answer when they run: until then they are `users`, and the entry
 * stays, wherever it is linked.
 *
 * The look-up itself (io/lookup.h) is a block of its own, because a thread may have it when the
 * loop is gone already. A cancelled task leaves its entry alone; the last one takes the look-up
 * back if no thread has begun with it.
 */
#include "io/names.h"

#include "base/memory.h"
#include "io/lookup.h"
#include "io/address.h"
#include "sync/waitlist.h"
#include "sys/resolver.h"

#include <coil/dns.h>

#include <errno.h>
#include <string.h>

enum { BUCKETS = 64 };

struct entry;
struct coil__names;

/* Of a thread, from submit until its `done`; only `entry` is not for the thread. */
struct lookup {
    struct coil__lookup base;
    struct entry *entry;
    struct coil__name_query query;   /* its texts stand in `text` */
    struct coil__name_answer answer; /* with base.rc: valid once the work is over */
    char text[];
};

struct entry {
    struct coil__names *names;
    struct coil__list link;   /* in names->all */
    struct coil__list bucket; /* in one of names->buckets, while it may be found */
    struct coil__list age;    /* in names->known, while it is remembered */
    struct coil__list waiters;
    size_t users;          /* tasks that wait, or have not taken the answer yet */
    struct lookup *lookup; /* NULL: answered */
    struct coil__name_query query;
    struct coil__name_answer answer; /* valid, with rc, once answered */
    int rc;
    int64_t expires; /* valid while in `known` */
    char text[];
};

/* A loop's, made with its first question. */
struct coil__names {
    struct coil__closer closer;
    struct coil_loop *loop;
    struct coil_resolve_cache cache;
    struct coil__list all;
    struct coil__list known; /* of entry.age, the one that was asked for longest ago first */
    size_t known_count;
    struct coil__list buckets[BUCKETS];
};

/* --- in a thread --- */

static int copy_addresses(struct lookup *lookup, const struct addrinfo *found)
{
    struct coil__name_answer *answer = &lookup->answer;
    size_t count = 0;

    for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
        count++;
    }
    answer->list = coil__calloc(count, sizeof *answer->list);
    if (!answer->list) {
        return -ENOMEM;
    }
    for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
        if (ai->ai_family == AF_INET || ai->ai_family == AF_INET6) {
            coil__address_set(&answer->list[answer->count++], ai->ai_addr, ai->ai_addrlen);
        }
    }
    return answer->count > 0 ? 0 : -COIL_EHOSTNAME;
}

static void look_up(struct coil__lookup *base)
{
    struct lookup *lookup = COIL__CONTAINER(base, struct lookup, base);
    const struct coil__name_query *query = &lookup->query;
    struct addrinfo *found = NULL;

    base->rc = coil__resolver_look_up(*query->host ? query->host : NULL, query->service,
                                      query->family, query->is_passive, &found);
    if (base->rc == 0) {
        base->rc = copy_addresses(lookup, found);
        coil__resolver_free(found);
    }
}

static void free_lookup(struct coil__lookup *base)
{
    struct lookup *lookup = COIL__CONTAINER(base, struct lookup, base);

    coil__free(lookup->answer.list);
    coil__free(lookup);
}

/* --- entries --- */

static size_t text_size(const struct coil__name_query *query)
{
    return strlen(query->host) + 1 + (query->service ? strlen(query->service) + 1 : 0);
}

/* Copies a query, with its texts, into `text`. */
static void copy_query(struct coil__name_query *copy, const struct coil__name_query *query,
                       char *text)
{
    size_t host_size = strlen(query->host) + 1;

    *copy = *query;
    copy->host = memcpy(text, query->host, host_size);
    if (query->service) {
        copy->service = memcpy(text + host_size, query->service, text_size(query) - host_size);
    }
}

/* Which port it is for makes no difference, unless it is given by name. */
static bool is_same(const struct coil__name_query *a, const struct coil__name_query *b)
{
    return a->family == b->family && a->is_passive == b->is_passive && !a->service == !b->service &&
           strcasecmp(a->host, b->host) == 0 &&
           (!a->service || strcmp(a->service, b->service) == 0);
}

static struct coil__list *bucket_of(struct coil__names *names, const char *host)
{
    unsigned hash = 5381;

    for (; *host; host++) {
        hash = hash * 33 + (*host >= 'A' && *host <= 'Z' ? *host | 0x20 : *host);
    }
    return &names->buckets[hash % BUCKETS];
}

static void free_entry(struct entry *entry)
{
    coil__list_remove(&entry->link);
    coil__list_remove(&entry->bucket);
    coil__free(entry->answer.list);
    coil__free(entry);
}

/* Nobody finds it any more; it stays for those who have a part in it. */
static void forget_entry(struct coil__names *names, struct entry *entry)
{
    coil__list_remove(&entry->bucket);
    if (coil__list_is_linked(&entry->age)) {
        coil__list_remove(&entry->age);
        names->known_count--;
    }
    if (entry->users == 0 && !entry->lookup) {
        free_entry(entry);
    }
}

static void shrink(struct coil__names *names, size_t max)
{
    while (names->known_count > max) {
        forget_entry(names, COIL__CONTAINER(names->known.next, struct entry, age));
    }
}

static void remember(struct coil__names *names, struct entry *entry, int64_t lifetime_ns)
{
    entry->expires = coil__time_after(coil_loop_now(names->loop), lifetime_ns);
    coil__list_push_tail(&names->known, &entry->age);
    names->known_count++;
}

/* How long an answer of this kind is remembered; 0: not at all. */
static int64_t lifetime_of(const struct coil__names *names, int rc)
{
    if (rc == 0) {
        return names->cache.lifetime_ns;
    }
    return rc == -COIL_EHOSTNAME ? names->cache.negative_lifetime_ns : 0;
}

/* The look-up has come back. */
static void answered(struct coil__lookup *base)
{
    struct lookup *lookup = COIL__CONTAINER(base, struct lookup, base);
    struct entry *entry = lookup->entry;
    struct coil__names *names = entry->names;
    int64_t lifetime_ns;

    entry->lookup = NULL;
    entry->rc = base->job.is_cancelled ? -ECANCELED : base->rc;
    entry->answer = lookup->answer;
    lookup->answer = (struct coil__name_answer){0};
    free_lookup(base);
    lifetime_ns = lifetime_of(names, entry->rc);
    coil__waitlist_wake_all(&entry->waiters, 0);
    if (lifetime_ns > 0 && coil__list_is_linked(&entry->bucket)) {
        remember(names, entry, lifetime_ns);
        shrink(names, names->cache.max_entries);
    } else {
        forget_entry(names, entry);
    }
}

static struct lookup *new_lookup(const struct coil__name_query *query)
{
    struct lookup *lookup = coil__calloc(1, sizeof *lookup + text_size(query));

    if (lookup) {
        lookup->base =
            (struct coil__lookup){.work = look_up, .done = answered, .free = free_lookup};
        copy_query(&lookup->query, query, lookup->text);
    }
    return lookup;
}

/* A new entry, whose question is on its way. */
static int ask_thread(struct coil__names *names, const struct coil__name_query *query,
                      struct entry **ret_entry)
{
    struct entry *entry = coil__calloc(1, sizeof *entry + text_size(query));
    struct lookup *lookup = entry ? new_lookup(query) : NULL;
    int rc;

    if (!lookup) {
        coil__free(entry);
        return -ENOMEM;
    }
    lookup->entry = entry;
    rc = coil__lookup_start(names->loop, &lookup->base);
    if (rc < 0) {
        free_lookup(&lookup->base);
        coil__free(entry);
        return rc;
    }
    entry->names = names;
    entry->lookup = lookup;
    copy_query(&entry->query, query, entry->text);
    coil__list_push_tail(&names->all, &entry->link);
    coil__list_push_tail(bucket_of(names, query->host), &entry->bucket);
    *ret_entry = entry;
    return 0;
}

/* An entry with the answer, or that waits for it; NULL: there is none. */
static struct entry *find(struct coil__names *names, const struct coil__name_query *query)
{
    struct coil__list *bucket = bucket_of(names, query->host);

    COIL__LIST_FOREACH(bucket, link) {
        struct entry *entry = COIL__CONTAINER(link, struct entry, bucket);

        if (!is_same(&entry->query, query)) {
            continue;
        }
        if (!entry->lookup && entry->expires <= coil_loop_now(names->loop)) {
            forget_entry(names, entry);
            return NULL;
        }
        return entry;
    }
    return NULL;
}

/* --- asking --- */

static int copy_answer(const struct entry *entry, uint16_t port,
                       struct coil__name_answer *ret_answer)
{
    size_t count = entry->answer.count;
    struct coil_address *list;

    if (entry->rc < 0) {
        return entry->rc;
    }
    list = coil__calloc(count, sizeof *list);
    if (!list) {
        return -ENOMEM;
    }
    memcpy(list, entry->answer.list, count * sizeof *list);
    for (size_t i = 0; i < count && !entry->query.service; i++) {
        coil_address_set_port(&list[i], port);
    }
    *ret_answer = (struct coil__name_answer){.list = list, .count = count};
    return 0;
}

/* The task has got what it wanted of an entry, or has given up. */
static void leave(struct coil__names *names, struct entry *entry)
{
    entry->users--;
    if (entry->users > 0) {
        return;
    }
    if (!entry->lookup) {
        if (!coil__list_is_linked(&entry->age)) {
            forget_entry(names, entry);
        }
    } else if (coil__pool_cancel(&entry->lookup->base.job)) {
        coil__list_remove(&entry->bucket); /* it comes back without an answer */
    }
}

static int wait_for(struct coil_task *self, struct coil__names *names, struct entry *entry)
{
    int64_t began = coil_loop_now(self->loop);
    int rc;

    entry->users++;
    rc = coil__waitlist_wait(self, &entry->waiters, "resolve");
    coil__lookup_report_if_slow(names->loop, began);
    return rc;
}

static void free_names(struct coil__names *names, bool with_lookups)
{
    COIL__LIST_FOREACH_SAFE(&names->all, link) {
        struct entry *entry = COIL__CONTAINER(link, struct entry, link);

        if (with_lookups && entry->lookup) {
            free_lookup(&entry->lookup->base);
        }
        free_entry(entry);
    }
    coil__free(names);
}

/* Look-ups that are left belong to their threads. */
static void end(struct coil__closer *closer)
{
    struct coil__names *names = COIL__CONTAINER(closer, struct coil__names, closer);

    names->loop->names = NULL;
    free_names(names, false);
}

/* There are no threads here. */
static void forget(struct coil__closer *closer)
{
    free_names(COIL__CONTAINER(closer, struct coil__names, closer), true);
}

static int get(struct coil_loop *loop, struct coil__names **ret_names)
{
    struct coil__names *names = loop->names;

    if (!names) {
        names = coil__calloc(1, sizeof *names);
        if (!names) {
            return -ENOMEM;
        }
        names->closer = (struct coil__closer){.end = end, .forget = forget};
        names->loop = loop;
        coil__list_init(&names->all);
        coil__list_init(&names->known);
        for (size_t i = 0; i < BUCKETS; i++) {
            coil__list_init(&names->buckets[i]);
        }
        coil__list_push_tail(&loop->closers, &names->closer.link);
        loop->names = names;
    }
    *ret_names = names;
    return 0;
}

int coil__names_ask(struct coil_task *self, const struct coil__name_query *query,
                    struct coil__name_answer *ret_answer)
{
    struct coil__names *names;
    struct entry *entry;
    int rc = get(self->loop, &names);

    if (rc < 0) {
        return rc;
    }
    entry = find(names, query);
    if (entry && !entry->lookup) {
        coil__list_remove(&entry->age);
        coil__list_push_tail(&names->known, &entry->age);
        rc = copy_answer(entry, query->port, ret_answer);
        coil__spend(self); /* others may end the entry */
        return rc;
    }
    rc = entry ? 0 : ask_thread(names, query, &entry);
    rc = rc < 0 ? rc : wait_for(self, names, entry);
    if (entry) {
        rc = rc < 0 ? rc : copy_answer(entry, query->port, ret_answer);
        leave(names, entry);
    }
    return rc;
}

/* --- the cache --- */

int coil_resolve_set_cache(const struct coil_resolve_cache *cache)
{
    static const struct coil_resolve_cache none = {0};
    struct coil_loop *loop = coil__thread.loop;
    struct coil__names *names;
    int rc;

    if (!loop) {
        return coil__no_task();
    }
    cache = cache ? cache : &none;
    if (cache->lifetime_ns < 0 || cache->negative_lifetime_ns < 0) {
        return -EINVAL;
    }
    rc = get(loop, &names);
    if (rc == 0) {
        names->cache = *cache;
        shrink(names, 0);
    }
    return rc;
}

int coil_resolve_flush(const char *host)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil__names *names = loop ? loop->names : NULL;

    if (!loop) {
        return coil__no_task();
    }
    if (!names) {
        return 0;
    }
    COIL__LIST_FOREACH_SAFE(&names->all, link) {
        struct entry *entry = COIL__CONTAINER(link, struct entry, link);

        if (!host || strcasecmp(entry->query.host, host) == 0) {
            forget_entry(names, entry);
        }
    }
    return 0;
}
