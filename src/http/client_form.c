/* client_form.c - the fields of a form as application/x-www-form-urlencoded. */
#include "http/client.h"

#include "base/memory.h"
#include "wire/query.h"

#include <errno.h>

int coil__client_form_make(const struct coil_http_field *form, size_t count, char **ret_text,
                           size_t *ret_size)
{
    size_t room = 1;
    struct coil__out out = {0};
    ssize_t size;

    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(form[i].name);
        size_t value = form[i].value ? strlen(form[i].value) : 0;

        room += 3 * name + 3 * value + 2;
    }
    out.start = coil__malloc(room);
    out.size = room;
    if (!out.start) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        coil__query_add(&out, coil__slice_of(form[i].name),
                        coil__slice_of(form[i].value ? form[i].value : ""));
    }
    size = coil__out_end(&out);
    if (size < 0) {
        coil__free(out.start);
        return -ENOMEM;
    }
    *ret_text = out.start;
    *ret_size = (size_t)size;
    return 0;
}
