/* What the tests of files share: paths, contents, and a thread of the pool that is held up. */
#ifndef COIL_TESTS_FILES_H
#define COIL_TESTS_FILES_H

#include "in_task.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct path {
    char text[256];
};

static inline struct path path_of(const char *name)
{
    struct path path;

    test_temp_path(path.text, sizeof path.text, name);
    return path;
}

/* Makes a file of `size` bytes, the i-th of which is (char)(i % 251). */
static inline struct path make_file(const char *name, size_t size)
{
    struct path path = path_of(name);
    FILE *file = fopen(path.text, "w");

    for (size_t i = 0; file && i < size; i++) {
        putc_unlocked((int)(i % 251), file);
    }
    CHECK(file && fclose(file) == 0);
    return path;
}

static inline bool is_content(const char *data, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != (char)((offset + i) % 251)) {
            return false;
        }
    }
    return true;
}

/* Makes a file with a text. */
static inline struct path make_text(const char *name, const char *text)
{
    struct path path = path_of(name);
    FILE *file = fopen(path.text, "w");

    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

/* The file's content is this text. */
static inline void check_text(struct path path, const char *text)
{
    char buf[64] = "";
    FILE *file = fopen(path.text, "r");

    CHECK(file != NULL);
    if (file) {
        buf[fread(buf, 1, sizeof buf - 1, file)] = '\0';
        fclose(file);
    }
    CHECK_STR(buf, text);
}

/* Without the call links below a folder are not followed. (Valgrind does not know it.) */
static inline bool system_knows_openat2(void)
{
    return syscall(SYS_openat2, -1, "", NULL, 0) == -1 && errno != ENOSYS && errno != EPERM;
}

/* A thread of the pool that works until it is let go. */
struct holder {
    sem_t begun;
    sem_t let_go;
    struct coil_task *task;
};

static inline int hold(void *arg)
{
    struct holder *holder = (struct holder *)arg;

    sem_post(&holder->begun);
    sem_wait(&holder->let_go);
    return 0;
}

static inline int hold_thread(void *arg)
{
    int rc = coil_to_thread(hold, arg);

    CHECK_OK(rc); /* else somebody waits for `begun` in vain */
    return rc;
}

/* The pool must have one thread only. */
static inline void hold_pool(struct holder *holder)
{
    sem_init(&holder->begun, 0, 0);
    sem_init(&holder->let_go, 0, 0);
    holder->task = coil_create_task(hold_thread, holder);
    while (sem_trywait(&holder->begun) != 0 && !test_has_noticed()) {
        CHECK_OK(coil_yield());
    }
}

static inline void free_pool(struct holder *holder)
{
    sem_post(&holder->let_go);
    coil_shield {
        CHECK_OK(coil_await(holder->task));
    }
    sem_destroy(&holder->begun);
    sem_destroy(&holder->let_go);
}

/* As TASK_TEST, on a loop whose pool has one thread. */
#define ONE_THREAD_TEST(name)                                                                      \
    static int body_of_##name(void *arg);                                                          \
    COIL_TEST(name)                                                                                \
    {                                                                                              \
        struct coil_run_options options = {.loop.max_threads = 1};                                 \
        CHECK_ERR(coil_run_with(&options, body_of_##name, NULL), 0);                               \
    }                                                                                              \
    static int body_of_##name(__attribute__((unused)) void *arg)

#endif
