/* json_memory.c - the memory of what was parsed: blocks, of which pieces are taken from the front,
 * and which are freed together. The first one is mostly the only one.
 *
 * Invariant: the head of the list is the block from which pieces are taken; what does not fit into
 * its rest gets a new one. */
#include "http/json.h"

#include "base/memory.h"

enum { LEAST_BLOCK = 512, LARGEST_BLOCK = 64 * 1024 };

struct block {
    struct block *next;
    size_t size; /* of data */
    size_t used;
    max_align_t data[];
};

static struct block *add_block(struct coil__json_reader *reader, size_t needed)
{
    struct block *head = reader->parsed->blocks_;
    /* As much as the rest of the text may need: strings are no longer than in there. */
    size_t size = (size_t)(reader->end - reader->next) + LEAST_BLOCK;
    struct block *block;

    if (head && size < 2 * head->size) {
        size = 2 * head->size;
    }
    if (size > LARGEST_BLOCK) {
        size = LARGEST_BLOCK;
    }
    if (size < needed) {
        size = needed;
    }
    if (size > SIZE_MAX / 2 || !(block = coil__malloc(sizeof *block + size))) {
        coil__json_give_up(reader, -ENOMEM);
        return NULL;
    }
    block->next = head;
    block->size = size;
    block->used = 0;
    reader->parsed->blocks_ = block;
    return block;
}

void *coil__json_allocate_freely(struct coil__json_reader *reader, size_t size, size_t alignment)
{
    struct block *block = reader->parsed->blocks_;
    size_t at = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

    if (!block || at > block->size || size > block->size - at) {
        block = add_block(reader, size);
        at = 0;
        if (!block) {
            return NULL;
        }
    }
    block->used = at + size;
    return (char *)block->data + at;
}

void *coil__json_allocate(struct coil__json_reader *reader, size_t size, size_t alignment)
{
    if (size > reader->memory_left) {
        coil__json_stop(reader, COIL_JSON_TOO_LARGE, "holds more than is allowed");
        return NULL;
    }
    reader->memory_left -= size;
    return coil__json_allocate_freely(reader, size, alignment);
}

char *coil__json_keep(struct coil__json_reader *reader, const struct coil__json_string *string,
                      size_t *ret_size)
{
    char *text = coil__json_allocate(reader, string->size + 1, 1);
    size_t size = string->size;

    if (!text) {
        return NULL;
    }
    if (string->has_escapes) {
        size = coil__json_unescape(string, text);
    } else if (size > 0) {
        memcpy(text, string->start, size);
    }
    text[size] = '\0';
    if (ret_size) {
        *ret_size = size;
    }
    return text;
}

void coil_json_parsed_deinit(struct coil_json_parsed *parsed)
{
    struct block *block = parsed ? parsed->blocks_ : NULL;

    while (block) {
        struct block *next = block->next;

        coil__free(block);
        block = next;
    }
    if (parsed) {
        *parsed = (struct coil_json_parsed){0};
    }
}
