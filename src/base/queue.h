/* queue.h - a first-in-first-out queue of things that are ready to run: singly linked, because a
 * scheduler pushes and pops for every step of every task. struct coil__ready stands in
 * coil/base.h. Taking one out of the middle walks the queue; it is rare. */
#ifndef COIL__BASE_QUEUE_H
#define COIL__BASE_QUEUE_H

#include <coil/base.h>

struct coil__queue {
    struct coil__ready *head;
    struct coil__ready **tail; /* the `next` to be written by a push: &head when empty */
};

static inline void coil__queue_init(struct coil__queue *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
}

static inline void coil__queue_push(struct coil__queue *queue, struct coil__ready *ready)
{
    ready->next = NULL;
    *queue->tail = ready;
    queue->tail = &ready->next;
}

/* Takes all of a queue, as a chain that ends with NULL; the queue is empty afterwards. */
static inline struct coil__ready *coil__queue_take_all(struct coil__queue *queue)
{
    struct coil__ready *chain = queue->head;

    coil__queue_init(queue);
    return chain;
}

/* True if it was in the queue, and is no longer. */
static inline bool coil__queue_remove(struct coil__queue *queue, const struct coil__ready *ready)
{
    for (struct coil__ready **place = &queue->head; *place; place = &(*place)->next) {
        if (*place == ready) {
            *place = ready->next;
            if (!*place) {
                queue->tail = place;
            }
            return true;
        }
    }
    return false;
}

#endif
