/* The intrusive list. */
#include "harness.h"

#include "base/list.h"

struct item {
    int number;
    struct coil__list link;
};

static int number_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct item, link)->number;
}

/* The numbers in the list as digits, forwards; checks that backwards is the same. */
static int digits(struct coil__list *head)
{
    int forwards = 0;
    int backwards = 0;
    int factor = 1;

    COIL__LIST_FOREACH(head, link) {
        forwards = forwards * 10 + number_of(link);
    }
    for (struct coil__list *link = head->prev; link != head; link = link->prev) {
        backwards += factor * number_of(link);
        factor *= 10;
    }
    CHECK_INT(forwards, ==, backwards);
    return forwards;
}

static void fill(struct coil__list *head, struct item *items, int first, int count)
{
    coil__list_init(head);
    for (int i = 0; i < count; i++) {
        items[i] = (struct item){.number = first + i};
        coil__list_push_tail(head, &items[i].link);
    }
}

COIL_TEST(list_is_empty_after_init)
{
    struct coil__list head;

    coil__list_init(&head);
    CHECK(coil__list_is_empty(&head));
    CHECK_PTR(coil__list_pop_head(&head), ==, NULL);
    CHECK_INT(digits(&head), ==, 0);
}

COIL_TEST(list_push_keeps_order)
{
    struct coil__list head;
    struct item items[4];
    struct item first = {.number = 9};

    fill(&head, items, 1, 4);
    CHECK_INT(digits(&head), ==, 1234);
    coil__list_push_head(&head, &first.link);
    CHECK_INT(digits(&head), ==, 91234);
    CHECK(!coil__list_is_empty(&head));
}

COIL_TEST(list_remove_anywhere_and_twice)
{
    struct coil__list head;
    struct item items[4];

    fill(&head, items, 1, 4);
    coil__list_remove(&items[1].link);
    CHECK_INT(digits(&head), ==, 134);
    CHECK(!coil__list_is_linked(&items[1].link));
    coil__list_remove(&items[1].link);
    CHECK_INT(digits(&head), ==, 134);
    coil__list_remove(&items[3].link);
    coil__list_remove(&items[0].link);
    CHECK_INT(digits(&head), ==, 3);
    CHECK(coil__list_is_linked(&items[2].link));
    coil__list_remove(&items[2].link);
    CHECK(coil__list_is_empty(&head));
}

COIL_TEST(list_remove_of_zeroed_does_nothing)
{
    struct item item = {0};

    CHECK(!coil__list_is_linked(&item.link));
    coil__list_remove(&item.link);
    CHECK(!coil__list_is_linked(&item.link));
}

COIL_TEST(list_pop_takes_the_first)
{
    struct coil__list head;
    struct item items[3];

    fill(&head, items, 1, 3);
    for (int i = 1; i <= 3; i++) {
        struct coil__list *link = coil__list_pop_head(&head);

        CHECK_INT(number_of(link), ==, i);
        CHECK(!coil__list_is_linked(link));
    }
    CHECK_PTR(coil__list_pop_head(&head), ==, NULL);
}

COIL_TEST(list_splice_moves_all_to_the_end)
{
    struct coil__list a;
    struct coil__list b;
    struct item items[5];

    fill(&a, items, 1, 2);
    fill(&b, items + 2, 3, 3);
    coil__list_splice_tail(&a, &b);
    CHECK_INT(digits(&a), ==, 12345);
    CHECK(coil__list_is_empty(&b));
    coil__list_splice_tail(&a, &b);
    CHECK_INT(digits(&a), ==, 12345);
    coil__list_splice_tail(&b, &a);
    CHECK_INT(digits(&b), ==, 12345);
    CHECK(coil__list_is_empty(&a));
}

COIL_TEST(list_foreach_safe_may_remove)
{
    struct coil__list head;
    struct item items[5];

    fill(&head, items, 1, 5);
    COIL__LIST_FOREACH_SAFE(&head, link) {
        if (number_of(link) % 2 == 0) {
            coil__list_remove(link);
        }
    }
    CHECK_INT(digits(&head), ==, 135);
    COIL__LIST_FOREACH_SAFE(&head, link) {
        coil__list_remove(link);
    }
    CHECK(coil__list_is_empty(&head));
}
