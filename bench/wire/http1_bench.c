/* http1_bench.c - how many heads of requests are parsed in a second, on one core.
 *
 *     http1_bench [ROUNDS]         default: 40
 *     http1_bench --count N [x]    N times ours, and nothing else: for callgrind; x: the small one
 *
 * The inputs: what a browser sends, of about 700 bytes, and what a load generator sends. Ours and
 * picohttpparser's (where the build has found it) take turns, some milliseconds each; the best of
 * all rounds is what is least disturbed by whatever else the machine does. Pinned to one core.
 */
#include "wire/http1.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIELDS = 64, BATCH = 20000, ROUNDS = 40 };

static const char small[] = "GET /plaintext HTTP/1.1\r\n"
                            "Host: 127.0.0.1:8080\r\n"
                            "\r\n";

static const char browser[] =
    "GET /articles/2024/coroutines-in-c?page=2&sort=date HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
    "q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Referer: https://www.example.com/articles/2024/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Cookie: session=6a2f9c81d7e04b5f; theme=dark; _ga=GA1.2.1234567890.1700000000; "
    "consent=1; lang=en; csrftoken=0f9a7c41\r\n"
    "\r\n";

static const char *request; /* the one that is parsed now */
static size_t size;
static uint64_t sum; /* keeps the compiler from leaving anything out */

static void parse_ours(long count)
{
    struct coil__http1_field fields[FIELDS];
    struct coil__http1_head head;

    coil__http1_head_init(&head, fields, FIELDS, NULL);
    for (long i = 0; i < count; i++) {
        coil__http1_head_reset(&head);
        sum += (uint64_t)coil__http1_parse_request(&head, request, size);
        sum += head.field_count;
    }
}

#ifdef HAVE_PICOHTTPPARSER

/* From picohttpparser.h, which is not installed with the library. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);

static void parse_theirs(long count)
{
    struct phr_header headers[FIELDS];

    for (long i = 0; i < count; i++) {
        const char *method;
        const char *path;
        size_t method_len;
        size_t path_len;
        size_t num_headers = FIELDS;
        int minor_version;

        sum += (uint64_t)phr_parse_request(request, size, &method, &method_len, &path, &path_len,
                                           &minor_version, headers, &num_headers, 0);
        sum += num_headers;
    }
}

#endif

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The time of a batch, if it is less than the best one. */
static void measure(void (*parse)(long count), double *best)
{
    double start = seconds();
    double time;

    parse(BATCH);
    time = seconds() - start;
    if (time < *best) {
        *best = time;
    }
}

static void report(const char *name, double best)
{
    printf("%-16s %6.2f million heads/s, %6.1f ns a head, %5.2f GB/s\n", name, BATCH / best / 1e6,
           best / BATCH * 1e9, (double)BATCH * (double)size / best / 1e9);
}

static void compare(const char *text, long rounds)
{
    double ours = 1e9;
    double theirs = 1e9;

    request = text;
    size = strlen(text);
    for (long i = 0; i < rounds; i++) {
        measure(parse_ours, &ours);
#ifdef HAVE_PICOHTTPPARSER
        measure(parse_theirs, &theirs);
#endif
    }
    printf("a request of %zu bytes\n", size);
    report("coil", ours);
    if (theirs < 1e9) {
        report("picohttpparser", theirs);
        printf("%.2fx\n", theirs / ours);
    }
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    cpu_set_t core;

    if (argc > 2 && strcmp(argv[1], "--count") == 0) {
        request = argc > 3 ? small : browser;
        size = strlen(request);
        parse_ours(strtol(argv[2], NULL, 10));
        return sum == 0;
    }
    CPU_ZERO(&core);
    CPU_SET((size_t)sched_getcpu(), &core);
    sched_setaffinity(0, sizeof core, &core);
    compare(browser, rounds);
    compare(small, rounds);
    return sum == 0;
}
