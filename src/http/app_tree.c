/* app_tree.c - the tree of routes: a node for each segment, shared by all paths that begin so. */
#include "http/app.h"

#include "base/memory.h"

/* By size first, which is what differs most and is compared fastest. */
static int compare(const struct coil__app_node *node, const char *text, size_t size)
{
    if (node->size != size) {
        return node->size < size ? -1 : 1;
    }
    return size > 0 ? memcmp(node->text, text, size) : 0;
}

/* The first child that is not before the text. */
static size_t place_of(const struct coil__app_node *node, const char *text, size_t size)
{
    size_t low = 0;
    size_t high = node->literal_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (compare(node->literals[middle], text, size) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct coil__app_node *coil__app_find_literal(const struct coil__app_node *node, const char *text,
                                              size_t size)
{
    size_t place = place_of(node, text, size);

    return place < node->literal_count && compare(node->literals[place], text, size) == 0
               ? node->literals[place]
               : NULL;
}

/* The text lies behind the node: who has brought it may go. */
static struct coil__app_node *make_literal(const struct coil__app_piece *piece)
{
    struct coil__app_node *node = coil__calloc(1, sizeof *node + piece->size + 1);

    if (node) {
        char *text = (char *)(node + 1);

        memcpy(text, piece->text, piece->size);
        node->text = text;
        node->size = piece->size;
    }
    return node;
}

static struct coil__app_node *add_literal(struct coil__app_node *parent,
                                          const struct coil__app_piece *piece)
{
    struct coil__app_node *node = coil__app_find_literal(parent, piece->text, piece->size);
    size_t place = place_of(parent, piece->text, piece->size);
    struct coil__app_node **literals;

    if (node) {
        return node;
    }
    literals = coil__realloc_array(parent->literals, parent->literal_count + 1, sizeof *literals);
    if (!literals) {
        return NULL;
    }
    parent->literals = literals;
    node = make_literal(piece);
    if (node) {
        memmove(literals + place + 1, literals + place,
                (parent->literal_count - place) * sizeof *literals);
        literals[place] = node;
        parent->literal_count++;
    }
    return node;
}

struct coil__app_node *coil__app_grow(struct coil__app_node *tree,
                                      const struct coil__app_pattern *pattern)
{
    struct coil__app_node *node = tree;

    for (size_t i = 0; node && i < pattern->count; i++) {
        const struct coil__app_piece *piece = &pattern->pieces[i];

        if (piece->kind == COIL__APP_LITERAL) {
            node = add_literal(node, piece);
        } else {
            if (!node->others[piece->kind]) {
                node->others[piece->kind] = coil__calloc(1, sizeof *node);
            }
            node = node->others[piece->kind];
        }
    }
    return node;
}

/* As deep as a path has segments. */
void coil__app_tree_deinit(struct coil__app_node *node)
{
    for (size_t i = 0; i < node->literal_count; i++) {
        coil__app_tree_deinit(node->literals[i]);
        coil__free(node->literals[i]);
    }
    for (size_t i = 0; i < COIL__APP_KINDS; i++) {
        if (node->others[i]) {
            coil__app_tree_deinit(node->others[i]);
            coil__free(node->others[i]);
        }
    }
    coil__free(node->literals);
}
