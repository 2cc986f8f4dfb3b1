/* replay.c - runs a fuzz target without a fuzzer: every file of a folder, then as many mutations of
 * them as are asked for, always the same.
 *
 *     fuzz_x FOLDER [MUTATIONS]
 *
 * If the target finds something, the input is written to standard error in hexadecimal digits.
 */
#include "fuzz.h"

#include "sys/valgrind.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

enum { MAX_SIZE = 4096, MAX_FILES = 256 };

struct input {
    uint8_t data[MAX_SIZE];
    size_t size;
};

static struct input seeds[MAX_FILES];
static size_t seed_count;
static struct input now;

static void show_input(int signum)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < now.size; i++) {
        char pair[2] = {digits[now.data[i] >> 4], digits[now.data[i] & 15]};

        if (write(STDERR_FILENO, pair, 2) != 2) {
            break;
        }
    }
    signal(signum, SIG_DFL);
    raise(signum);
}

static void run(void)
{
    /* A copy of just that size, so that a sanitizer notices what is read behind it. */
    uint8_t *copy = malloc(now.size > 0 ? now.size : 1);

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, now.data, now.size);
    LLVMFuzzerTestOneInput(copy, now.size);
    free(copy);
}

static void load(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    FUZZ_CHECK(dir != NULL);
    while ((entry = readdir(dir)) && seed_count < MAX_FILES) {
        struct input *seed = &seeds[seed_count];
        char path[1024];
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || !(file = fopen(path, "rb"))) {
            continue;
        }
        seed->size = fread(seed->data, 1, sizeof seed->data, file);
        seed_count++;
        fclose(file);
    }
    closedir(dir);
}

static uint32_t next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(state >> 33);
}

/* Changes, cuts or lengthens it, or joins it with another one. */
static void mutate(void)
{
    const struct input *other = &seeds[next_random() % seed_count];
    size_t place = now.size > 0 ? next_random() % now.size : 0;

    switch (next_random() % 4) {
    case 0:
        now.data[place] = (uint8_t)next_random();
        now.size = now.size > 0 ? now.size : 1;
        break;
    case 1:
        now.size = place;
        break;
    case 2:
        while (now.size < MAX_SIZE && next_random() % 8 != 0) {
            now.data[now.size++] = (uint8_t)next_random();
        }
        break;
    default:
        if (other->size > place) {
            memcpy(now.data + place, other->data + place, other->size - place);
            now.size = now.size > other->size ? now.size : other->size;
        }
        break;
    }
}

int main(int argc, char **argv)
{
    long mutations = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

    FUZZ_CHECK(argc > 1);
    mutations /= coil__valgrind_is_there() ? 20 : 1;
    signal(SIGABRT, show_input);
    signal(SIGSEGV, show_input);
    load(argv[1]);
    FUZZ_CHECK(seed_count > 0);
    for (size_t i = 0; i < seed_count; i++) {
        now = seeds[i];
        run();
    }
    for (long i = 0; i < mutations; i++) {
        now = seeds[next_random() % seed_count];
        do {
            mutate();
        } while (next_random() % 2 == 0);
        run();
    }
    printf("%zu inputs and %ld mutations\n1 passed, 0 failed, 0 skipped\n", seed_count, mutations);
    return 0;
}
