/* list.h - a doubly linked, circular, intrusive list.
 *
 * A head is a node that belongs to no element. A node that is in no list has next == NULL, so
 * that zeroed memory is a valid "not in a list" and removing twice does nothing. The struct itself
 * stands in coil/base.h, because public structs embed it.
 */
#ifndef COIL__BASE_LIST_H
#define COIL__BASE_LIST_H

#include <coil/base.h>

#define COIL__CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void coil__list_init(struct coil__list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool coil__list_is_empty(const struct coil__list *head)
{
    return head->next == head;
}

static inline bool coil__list_is_linked(const struct coil__list *node)
{
    return node->next != NULL;
}

static inline void coil__list_push_tail(struct coil__list *head, struct coil__list *node)
{
    struct coil__list *last = head->prev;

    node->next = head;
    node->prev = last;
    last->next = node;
    head->prev = node;
}

static inline void coil__list_push_head(struct coil__list *head, struct coil__list *node)
{
    coil__list_push_tail(head->next, node);
}

static inline void coil__list_remove(struct coil__list *node)
{
    if (!node->next) {
        return;
    }
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

/* Takes out the node that is known to be the first. */
static inline void coil__list_take_head(struct coil__list *head, struct coil__list *node)
{
    struct coil__list *second = node->next;

    head->next = second;
    second->prev = head;
    node->next = NULL;
}

/* Takes the first node out; NULL when the list is empty. */
static inline struct coil__list *coil__list_pop_head(struct coil__list *head)
{
    struct coil__list *node = head->next;

    if (node == head) {
        return NULL;
    }
    coil__list_take_head(head, node);
    return node;
}

/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void coil__list_splice_tail(struct coil__list *to, struct coil__list *from)
{
    if (coil__list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    coil__list_init(from);
}

#define COIL__LIST_FOREACH(head, node)                                                             \
    for (struct coil__list *node = (head)->next; node != (head); node = node->next)

/* As above, but the body may remove `node`. */
#define COIL__LIST_FOREACH_SAFE(head, node)                                                        \
    for (struct coil__list *node = (head)->next, *node##_next_ = node->next; node != (head);       \
         node = node##_next_, node##_next_ = node->next)

#endif
