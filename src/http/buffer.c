/* buffer.c - memory of a connection that is used again for each request. */
#include "http/http.h"

#include "base/memory.h"

#include <errno.h>

int coil__http_reserve(struct coil__http_buffer *buffer, size_t size)
{
    size_t used = coil__http_size(buffer);
    size_t capacity = buffer->capacity * 2;
    char *data;

    if (size <= buffer->capacity - buffer->end) {
        return 0;
    }
    if (buffer->start > 0) {
        memmove(buffer->data, buffer->data + buffer->start, used);
        buffer->start = 0;
        buffer->end = used;
        if (size <= buffer->capacity - used) {
            return 0;
        }
    }
    if (size > SIZE_MAX / 2 - used) {
        return -ENOMEM;
    }
    capacity = capacity > used + size ? capacity : used + size;
    data = coil__realloc_array(buffer->data, capacity, 1);
    if (!data) {
        return -ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

void coil__http_buffer_free(struct coil__http_buffer *buffer)
{
    coil__free(buffer->data);
    *buffer = (struct coil__http_buffer){0};
}

void coil__http_buffer_trim(struct coil__http_buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
    if (buffer->capacity > COIL__HTTP_KEPT_ROOM) {
        coil__http_buffer_free(buffer);
    }
}

/* --- what an exchange gathers --- */

int coil__http_reserve_fields(struct coil__http_memory *memory, size_t count)
{
    struct coil_http_field *fields;

    if (count <= memory->field_room) {
        return 0;
    }
    fields = coil__realloc_array(memory->fields, count, sizeof *fields);
    if (!fields) {
        return -ENOMEM;
    }
    memory->fields = fields;
    memory->field_room = count;
    return 0;
}

void coil__http_memory_trim(struct coil__http_memory *memory)
{
    coil__http_buffer_trim(&memory->extra);
    coil__http_buffer_trim(&memory->pending);
    coil__http_buffer_trim(&memory->content);
    if (memory->field_room * sizeof *memory->fields > COIL__HTTP_KEPT_ROOM) {
        coil__free(memory->fields);
        memory->fields = NULL;
        memory->field_room = 0;
    }
}

void coil__http_memory_free(struct coil__http_memory *memory)
{
    coil__http_buffer_free(&memory->extra);
    coil__http_buffer_free(&memory->pending);
    coil__http_buffer_free(&memory->content);
    coil__free(memory->fields);
    memory->fields = NULL;
    memory->field_room = 0;
}
