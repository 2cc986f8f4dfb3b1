/* frame_text.c - a frame in words; see symbols.h. */
#include "sys/symbols.h"

void coil__frame_text(struct coil__text *text, const struct coil_frame *frame)
{
    if (frame->function && frame->file) {
        coil__text_add(text, "%s, %s:%d", frame->function, coil__text_base_name(frame->file),
                       frame->line);
    } else if (frame->function) {
        coil__text_add(text, "%s", frame->function);
    } else if (frame->object) {
        coil__text_add(text, "%s+0x%zx", coil__text_base_name(frame->object), frame->offset);
    } else {
        coil__text_add(text, "an unknown place");
    }
}
