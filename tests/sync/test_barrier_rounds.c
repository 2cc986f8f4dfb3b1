/* Barriers, round after round: who belongs to which, and what reset and abort do in between (D5).
 *
 * Other than asyncio's, a round is over for all in it when the last one comes: those that have not
 * run yet have their places, and no reset or abort takes them away. There is no draining. */
#include "in_task.h"

enum { PARTIES = 5 };

struct guest {
    struct coil_barrier *barrier;
    ssize_t places[2];
    int rounds;
};

static int come(void *arg)
{
    struct guest *guest = arg;

    for (int i = 0; i < guest->rounds; i++) {
        guest->places[i] = coil_barrier_wait(guest->barrier);
        if (guest->places[i] < 0) {
            return (int)guest->places[i];
        }
    }
    return 0;
}

struct party {
    struct coil_barrier barrier;
    struct guest guests[PARTIES];
    struct coil_task *tasks[PARTIES];
};

static void invite(struct party *party, int first, int count, int rounds)
{
    for (int i = first; i < first + count; i++) {
        party->guests[i] = (struct guest){&party->barrier, {-1, -1}, rounds};
        party->tasks[i] = coil_create_task(come, &party->guests[i]);
    }
    yield_times(1);
}

static void open_party(struct party *party)
{
    CHECK_OK(coil_barrier_init(&party->barrier, PARTIES));
}

/* All have another place from 0 on. */
static void check_places(const struct party *party, int round)
{
    unsigned places = 0;

    for (int i = 0; i < PARTIES; i++) {
        places |= 1U << (party->guests[i].places[round] & 31);
    }
    CHECK_INT(places, ==, (1U << PARTIES) - 1);
}

TASK_TEST(barrier_fills_one_by_one)
{
    struct party party;

    open_party(&party);
    for (int i = 0; i < PARTIES; i++) {
        CHECK_INT(coil_barrier_waiting(&party.barrier), ==, i);
        invite(&party, i, 1, 1);
    }
    CHECK_INT(coil_barrier_waiting(&party.barrier), ==, 0);
    CHECK_OK(coil_gather(party.tasks, PARTIES, NULL));
    check_places(&party, 0);
    CHECK(!coil_barrier_is_broken(&party.barrier));
    return 0;
}

/* Each has a place of its own in the second round too. */
TASK_TEST(barrier_gives_places_in_each_round)
{
    struct party party;

    open_party(&party);
    invite(&party, 0, PARTIES, 2);
    CHECK_OK(coil_gather(party.tasks, PARTIES, NULL));
    check_places(&party, 0);
    check_places(&party, 1);
    CHECK_INT(coil_barrier_waiting(&party.barrier), ==, 0);
    return 0;
}

/* The next round begins while those of the last one have not run yet. */
TASK_TEST(barrier_next_round_begins_at_once)
{
    struct party party;

    open_party(&party);
    invite(&party, 0, PARTIES - 1, 1);
    CHECK_INT(coil_barrier_wait(&party.barrier), ==, PARTIES - 1);
    coil_timeout(COIL_MSEC) { /* alone in the next one, though four are still to run */
        CHECK_ERR(coil_barrier_wait(&party.barrier), -ETIMEDOUT);
    }
    CHECK_OK(coil_gather(party.tasks, PARTIES - 1, NULL));
    return 0;
}

static int come_for(void *arg)
{
    struct coil_barrier **barriers = arg;
    int rc = 0;

    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = barriers[i] ? (int)coil_barrier_wait(barriers[i]) : 0;
    }
    return rc < 0 ? rc : 0;
}

/* Two wait for the second round at once, three meet elsewhere first: it still comes together. */
TASK_TEST(barrier_rounds_over_two_barriers)
{
    struct coil_barrier all;
    struct coil_barrier some;
    struct coil_barrier *short_way[3] = {&all, &all, NULL};
    struct coil_barrier *long_way[3] = {&all, &some, &all};
    struct coil_task *tasks[PARTIES];

    CHECK_OK(coil_barrier_init(&all, PARTIES));
    CHECK_OK(coil_barrier_init(&some, PARTIES - 2));
    for (int i = 0; i < PARTIES; i++) {
        tasks[i] = coil_create_task(come_for, i < 2 ? short_way : long_way);
    }
    return coil_gather(tasks, PARTIES, NULL);
}

/* --- reset --- */

TASK_TEST(barrier_reset_of_an_empty_one)
{
    struct coil_barrier barrier;

    CHECK_OK(coil_barrier_init(&barrier, 1));
    CHECK_OK(coil_barrier_reset(&barrier));
    CHECK(!coil_barrier_is_broken(&barrier));
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 0);
    CHECK_INT(coil_barrier_wait(&barrier), ==, 0);
    return 0;
}

/* Those that waited are told, come again, and with one more make a round. */
TASK_TEST(barrier_reset_and_all_come_again)
{
    struct party party;
    int results[PARTIES];

    open_party(&party);
    invite(&party, 0, PARTIES - 1, 1);
    CHECK_OK(coil_barrier_reset(&party.barrier));
    CHECK_INT(coil_barrier_waiting(&party.barrier), ==, 0);
    CHECK_OK(coil_gather(party.tasks, PARTIES - 1, results));
    for (int i = 0; i < PARTIES - 1; i++) {
        CHECK_ERR(results[i], -COIL_EBROKEN);
    }
    invite(&party, 0, PARTIES, 1);
    CHECK_OK(coil_gather(party.tasks, PARTIES, NULL));
    check_places(&party, 0);
    return 0;
}

/* Those of the round that is over keep their places; those of the next one are turned away. */
TASK_TEST(barrier_reset_while_a_round_ends)
{
    struct party party;
    struct guest late = {&party.barrier, {-1, -1}, 1};
    struct coil_task *task;

    open_party(&party);
    invite(&party, 0, PARTIES - 1, 1);
    CHECK_INT(coil_barrier_wait(&party.barrier), ==, PARTIES - 1);
    CHECK_OK(coil_barrier_reset(&party.barrier));
    CHECK_OK(coil_gather(party.tasks, PARTIES - 1, NULL));
    task = coil_create_task(come, &late);
    yield_times(1);
    CHECK_INT(coil_barrier_waiting(&party.barrier), ==, 1);
    CHECK_OK(coil_barrier_reset(&party.barrier));
    CHECK_ERR(coil_await(task), -COIL_EBROKEN);
    CHECK(!coil_barrier_is_broken(&party.barrier));
    return 0;
}

/* --- abort --- */

TASK_TEST(barrier_abort_of_an_empty_one)
{
    struct coil_barrier barrier;

    CHECK_OK(coil_barrier_init(&barrier, 1));
    CHECK_OK(coil_barrier_abort(&barrier));
    CHECK(coil_barrier_is_broken(&barrier));
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 0);
    CHECK_ERR(coil_barrier_wait(&barrier), -COIL_EBROKEN);
    return 0;
}

/* Some wait in the second round already: those are told, the places of the first one stay. */
TASK_TEST(barrier_abort_between_two_rounds)
{
    struct party party;
    int results[PARTIES - 1];

    open_party(&party);
    invite(&party, 0, PARTIES - 1, 2);
    CHECK_INT(coil_barrier_wait(&party.barrier), ==, PARTIES - 1);
    yield_times(1); /* they wait again */
    CHECK_INT(coil_barrier_waiting(&party.barrier), ==, PARTIES - 1);
    CHECK_OK(coil_barrier_abort(&party.barrier));
    CHECK_OK(coil_gather(party.tasks, PARTIES - 1, results));
    for (int i = 0; i < PARTIES - 1; i++) {
        CHECK_INT(party.guests[i].places[0], >=, 0);
        CHECK_ERR(party.guests[i].places[1], -COIL_EBROKEN);
        CHECK_ERR(results[i], -COIL_EBROKEN);
    }
    return 0;
}

struct crash {
    struct coil_barrier *barriers;
    int broken;
    int passed;
};

/* One of them fails after the first round, and aborts; then all meet at another barrier, one of
 * them resets the first, and it works again. */
static int fail_in_the_middle(void *arg)
{
    struct crash *crash = arg;
    ssize_t place = coil_barrier_wait(&crash->barriers[0]);

    if (place == PARTIES / 2) {
        CHECK_OK(coil_barrier_abort(&crash->barriers[0]));
    } else {
        crash->broken += coil_barrier_wait(&crash->barriers[0]) == -COIL_EBROKEN;
    }
    place = coil_barrier_wait(&crash->barriers[1]);
    if (place == PARTIES / 2) {
        CHECK(coil_barrier_is_broken(&crash->barriers[0]));
        CHECK_OK(coil_barrier_reset(&crash->barriers[0]));
    }
    if (place < 0 || coil_barrier_wait(&crash->barriers[1]) < 0) {
        return -EIO;
    }
    crash->passed += coil_barrier_wait(&crash->barriers[0]) >= 0;
    return 0;
}

TASK_TEST(barrier_abort_by_one_that_fails)
{
    struct coil_barrier barriers[2];
    struct crash crash = {.barriers = barriers};
    struct coil_task *tasks[PARTIES];

    CHECK_OK(coil_barrier_init(&barriers[0], PARTIES));
    CHECK_OK(coil_barrier_init(&barriers[1], PARTIES));
    for (int i = 0; i < PARTIES; i++) {
        tasks[i] = coil_create_task(fail_in_the_middle, &crash);
    }
    CHECK_OK(coil_gather(tasks, PARTIES, NULL));
    CHECK_INT(crash.broken, ==, PARTIES - 1);
    CHECK_INT(crash.passed, ==, PARTIES);
    CHECK(!coil_barrier_is_broken(&barriers[0]));
    return 0;
}
