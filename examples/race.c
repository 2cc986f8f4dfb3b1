/* race.c - a bug that hardly ever shows, and how coil/testing.h finds it and holds it fast.
 *
 *     race                       tries a thousand seeds, prints the first that fails
 *     COIL_SEED=NUMBER race      that one again, event by event
 *     race fixed                 the same without the bug
 *
 * A box office sells the last seat. It looks whether there is one, lets the bank charge the buyer,
 * and takes the seat. Between the look and the act it waits for the bank, and other tasks run. The
 * two buyers come a tenth of a second apart, and the bank takes a fiftieth: on your desk this is
 * right for years. Then one packet is lost between the office and the bank, TCP sends it again
 * after 200 ms, and the seat is sold twice.
 */
#include <coil.h>
#include <coil/testing.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OFFICE_PORT = 8000, BANK_PORT = 8001, BUYERS = 2 };

struct theatre {
    bool is_fixed;
    bool is_verbose;
    int64_t started_at;
    int seats; /* left */
    int sold;
    int buyers; /* that have come so far */
};

__attribute__((format(printf, 2, 3))) static void say(const struct theatre *theatre,
                                                      const char *format, ...)
{
    int64_t time = coil_now() - theatre->started_at;
    va_list args;

    if (theatre->is_verbose) {
        printf("%6.1f ms  ", (double)time / (double)COIL_MSEC);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
}

/* Sends a line and gets one back. */
static int ask(uint16_t port, const char *question, char *answer, size_t size)
{
    struct coil_stream *stream;
    ssize_t rc = coil_open_connection("127.0.0.1", port, NULL, &stream);

    if (rc < 0) {
        return (int)rc;
    }
    rc = coil_stream_write(stream, question, strlen(question));
    if (rc >= 0) {
        rc = coil_stream_read_line(stream, answer, size);
    }
    coil_stream_close(stream);
    return rc < 0 ? (int)rc : rc == 0 ? -COIL_EINCOMPLETE : 0;
}

/* --- the bank --- */

static int serve_bank(struct coil_stream *stream, void *user)
{
    char line[32];
    ssize_t rc = coil_stream_read_line(stream, line, sizeof line);

    (void)user;
    return rc > 0 ? (int)coil_stream_write(stream, "paid\n", 5) : (int)rc;
}

static int charge(void)
{
    char answer[32];

    return ask(BANK_PORT, "charge\n", answer, sizeof answer);
}

/* --- the box office --- */

/* 1: sold; 0: there is no seat; or an error. */
static int sell(struct theatre *theatre, int buyer)
{
    int rc;

    if (theatre->seats <= 0) {
        say(theatre, "buyer %d: no seat", buyer);
        return 0;
    }
    say(theatre, "buyer %d: there is a seat, asks the bank", buyer);
    rc = charge(); /* the bug: everybody else runs meanwhile, and the seat is still there */
    if (rc < 0) {
        return rc;
    }
    theatre->seats--;
    theatre->sold++;
    say(theatre, "buyer %d: sold, %d left", buyer, theatre->seats);
    return 1;
}

/* Right: takes the seat first, and gives it back when the bank says no. */
static int sell_fixed(struct theatre *theatre)
{
    int rc;

    if (theatre->seats <= 0) {
        return 0;
    }
    theatre->seats--;
    rc = charge();
    if (rc < 0) {
        theatre->seats++;
        return rc;
    }
    theatre->sold++;
    return 1;
}

static int serve_office(struct coil_stream *stream, void *user)
{
    struct theatre *theatre = user;
    char line[32];
    ssize_t rc = coil_stream_read_line(stream, line, sizeof line);

    if (rc > 0) {
        rc = theatre->is_fixed ? sell_fixed(theatre) : sell(theatre, ++theatre->buyers);
        coil_stream_write(stream, rc == 1 ? "sold\n" : "none\n", 5);
    }
    return (int)rc;
}

/* --- the test --- */

static int buy(void *arg)
{
    const int *number = arg;
    char answer[32];
    int rc = coil_sleep(*number * 100 * COIL_MSEC);

    return rc < 0 ? rc : ask(OFFICE_PORT, "one seat, please\n", answer, sizeof answer);
}

static int let_buy(void)
{
    struct coil_task *tasks[BUYERS];

    for (int i = 0; i < BUYERS; i++) {
        tasks[i] = coil_create_task_copy(buy, &i, sizeof i);
    }
    return coil_gather(tasks, BUYERS, NULL);
}

static int no_seat_is_sold_twice(void *arg)
{
    const bool *is_fixed = arg;
    struct theatre theatre = {
        .is_fixed = *is_fixed,
        .is_verbose = getenv("COIL_SEED") != NULL,
        .started_at = coil_now(),
        .seats = 1,
    };
    struct coil_server *bank;
    struct coil_server *office;
    int rc = coil_start_server("127.0.0.1", BANK_PORT, NULL, serve_bank, NULL, &bank);

    if (rc < 0) {
        return rc;
    }
    rc = coil_start_server("127.0.0.1", OFFICE_PORT, NULL, serve_office, &theatre, &office);
    if (rc == 0) {
        rc = let_buy();
        coil_server_close(office);
    }
    coil_server_close(bank);
    return rc < 0 ? rc : theatre.sold > 1 ? -EUSERS : 0;
}

int main(int argc, char **argv)
{
    bool is_fixed = argc > 1 && strcmp(argv[1], "fixed") == 0;
    struct coil_test_options options = {
        .name = "no_seat_is_sold_twice",
        .network =
            {
                .latency_min_ns = 1 * COIL_MSEC,
                .latency_max_ns = 5 * COIL_MSEC,
                .loss_ppm = 2000, /* two packets in a thousand */
            },
    };
    int failed = coil_test_seeds(&options, no_seat_is_sold_twice, &is_fixed, NULL);

    if (failed < 0) {
        fprintf(stderr, "race: %s\n", coil_strerror(failed));
    }
    return failed != 0;
}
