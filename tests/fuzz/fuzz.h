/* What the fuzz targets share. A target is one file that defines LLVMFuzzerTestOneInput: it takes
 * what it does from the bytes it is given, does it with the library, and compares with a reference
 * that is simple enough to be right. Built with clang's libFuzzer (`make fuzz`), or with replay.c:
 * then the corpus and some mutations of it are an ordinary test.
 */
#ifndef COIL_TESTS_FUZZ_H
#define COIL_TESTS_FUZZ_H

#include <coil.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes that were not taken yet. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* The next byte; 0 behind the end. */
static inline uint8_t take_byte(struct fuzz_input *in)
{
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

static inline unsigned take_u16(struct fuzz_input *in)
{
    unsigned high = take_byte(in);

    return high << 8 | take_byte(in);
}

static inline uint32_t take_u32(struct fuzz_input *in)
{
    uint32_t high = take_u16(in);

    return high << 16 | take_u16(in);
}

/* A number below bound (1 to 256). */
static inline unsigned take_below(struct fuzz_input *in, unsigned bound)
{
    return take_byte(in) % bound;
}

/* The rest as text that ends at the first NUL; cut to buf_size - 1. */
static inline void take_text(struct fuzz_input *in, char *buf, size_t buf_size)
{
    size_t count = in->size < buf_size - 1 ? in->size : buf_size - 1;

    if (count > 0) {
        memcpy(buf, in->data, count);
    }
    buf[count] = '\0';
    in->data += count;
    in->size -= count;
}

/* Runs fn(in) as the first task of a loop on the simulated backend. */
static inline void run_simulated(coil_task_fn fn, struct fuzz_input *in)
{
    struct coil_run_options options = {.loop.backend = "sim", .ignore_sigint = true};

    FUZZ_CHECK(coil_run_with(&options, fn, in) == 0);
}

#endif
