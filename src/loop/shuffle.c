/* shuffle.c - the simulated order of what is ready to run.
 *
 * A merge shuffle on the chain itself: halves are shuffled, then merged by drawing from each in
 * proportion to what is left of it, which makes every order equally likely. Callbacks of call_soon
 * are first in, first out by contract, so they are kept in order, and run before or after the
 * rest as the seed has it.
 */
#include "loop/loop.h"

static struct coil__ready *merge(struct coil__backend *backend, struct coil__ready *a,
                                 size_t a_left, struct coil__ready *b, size_t b_left)
{
    struct coil__ready *chain = NULL;
    struct coil__ready **tail = &chain;

    while (a_left + b_left > 0) {
        bool is_a = backend->draw(backend, a_left + b_left) < a_left;
        struct coil__ready **from = is_a ? &a : &b;

        *tail = *from;
        tail = &(*from)->next;
        *from = (*from)->next;
        *(is_a ? &a_left : &b_left) -= 1;
    }
    *tail = NULL;
    return chain;
}

/* The recursion is as deep as the logarithm of the count. */
static struct coil__ready *shuffle(struct coil__backend *backend, struct coil__ready *chain,
                                   size_t count)
{
    struct coil__ready *second = chain;

    if (count < 2) {
        return chain;
    }
    for (size_t i = 0; i < count / 2; i++) {
        second = second->next;
    }
    /* The second half first: shuffling the first one cuts the chain between them. */
    second = shuffle(backend, second, count - count / 2);
    chain = shuffle(backend, chain, count / 2);
    return merge(backend, chain, count / 2, second, count - count / 2);
}

static void push_all(struct coil__queue *queue, struct coil__ready *chain, size_t count)
{
    while (count-- > 0) {
        struct coil__ready *next = chain->next;

        coil__queue_push(queue, chain);
        chain = next;
    }
}

void coil__loop_shuffle(struct coil_loop *loop)
{
    struct coil__ready *chain = coil__queue_take_all(&loop->ready);
    struct coil__queue callbacks;
    struct coil__queue others;
    size_t callback_count = 0;
    size_t other_count = 0;
    bool callbacks_first = loop->backend->draw(loop->backend, 2) == 0;

    coil__queue_init(&callbacks);
    coil__queue_init(&others);
    while (chain) {
        struct coil__ready *next = chain->next;
        bool is_callback = chain->run == coil__handle_run;

        coil__queue_push(is_callback ? &callbacks : &others, chain);
        *(is_callback ? &callback_count : &other_count) += 1;
        chain = next;
    }
    if (callbacks_first) {
        push_all(&loop->ready, callbacks.head, callback_count);
    }
    push_all(&loop->ready, shuffle(loop->backend, others.head, other_count), other_count);
    if (!callbacks_first) {
        push_all(&loop->ready, callbacks.head, callback_count);
    }
}
