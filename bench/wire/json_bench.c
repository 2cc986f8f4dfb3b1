/* json_bench.c - how long a JSON body of 200 bytes and 5 fields takes: parsed into its struct and
 * validated, and written again.
 *
 *     json_bench [ROUNDS]          default: 40
 *
 * jansson takes turns with it: its parser alone, which makes a tree and validates nothing. The best
 * of all rounds counts. Pinned to one core.
 */
#include <coil/json.h>

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 20000, ROUNDS = 40 };

struct note {
    char *title;
    char *text;
    int64_t stars;
    bool done;
    char **tags;
    size_t tag_count;
};

static const struct coil_json_field note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 80),
    COIL_JSON_STRING(struct note, text, .required = true, .max_length = 1000),
    COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5)),
    COIL_JSON_BOOL(struct note, done),
    COIL_JSON_ARRAY_OF_STRINGS(struct note, tags, tag_count, .max_items = 10, .max_length = 20),
};

static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

static const char body[] =
    "{\"title\": \"Buy milk\", \"text\": \"Two litres, the one with the blue cap; and bread if there "
    "is any left that is not too dark. Ask \\\"Ann\\\".\", \"stars\": 4, \"done\": false, "
    "\"tags\": [\"home\", \"shopping\", \"today\"]}";

static struct note sample;
static uint64_t sum; /* keeps the compiler from leaving anything out */

static void parse(long count)
{
    struct coil_json_parsed parsed = {0};

    for (long i = 0; i < count; i++) {
        struct note note = {0};

        sum += (uint64_t)coil_json_parse(&note_type, body, sizeof body - 1, NULL, &note, &parsed);
        sum += (uint64_t)note.stars;
    }
    coil_json_parsed_deinit(&parsed);
}

static void write_it(long count)
{
    struct coil_json_buffer buffer = {0};

    for (long i = 0; i < count; i++) {
        buffer.size = 0;
        sum += (uint64_t)coil_json_write(&note_type, &sample, &buffer) + buffer.size;
    }
    coil_json_buffer_deinit(&buffer);
}

static void parse_theirs(long count)
{
    for (long i = 0; i < count; i++) {
        json_t *tree = json_loadb(body, sizeof body - 1, JSON_REJECT_DUPLICATES, NULL);

        sum += json_object_size(tree);
        json_decref(tree);
    }
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The time of a batch, if it is less than the best one. */
static void measure(void (*work)(long count), double *best)
{
    double start = seconds();
    double time;

    work(BATCH);
    time = seconds() - start;
    *best = time < *best ? time : *best;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    struct coil_json_parsed parsed = {0};
    double best[3] = {1e9, 1e9, 1e9};
    cpu_set_t core;

    CPU_ZERO(&core);
    CPU_SET((size_t)sched_getcpu(), &core);
    sched_setaffinity(0, sizeof core, &core);
    if (coil_json_parse(&note_type, body, sizeof body - 1, NULL, &sample, &parsed) < 0) {
        return 1;
    }
    for (long i = 0; i < rounds; i++) {
        measure(parse, &best[0]);
        measure(write_it, &best[1]);
        measure(parse_theirs, &best[2]);
    }
    printf("a body of %zu bytes\n", sizeof body - 1);
    printf("parse and validate  %6.0f ns\n", best[0] / BATCH * 1e9);
    printf("write               %6.0f ns\n", best[1] / BATCH * 1e9);
    printf("jansson, parse only %6.0f ns\n", best[2] / BATCH * 1e9);
    coil_json_parsed_deinit(&parsed);
    return sum == 0;
}
