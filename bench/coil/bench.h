/* bench.h - the work items. Each is a task function; arg points to a long: count, N or port; of
 * bench_files to a struct bench_file. */
#ifndef COIL_BENCH_H
#define COIL_BENCH_H

#include <coil.h>

struct bench_file {
    long count;
    const char *path;
};

/* When the work began, by both clocks. */
struct bench_start {
    int64_t wall_ns;
    int64_t cpu_ns;
};

struct bench_start bench_begin(void);
/* Prints the item's line: what one of `count` took since then. */
void bench_print(const char *item, struct bench_start start, long count);

int bench_yield(void *arg);
int bench_create(void *arg);
int bench_handover(void *arg);
int bench_lock(void *arg);
int bench_queue(void *arg);
int bench_sleep(void *arg);
int bench_echo(void *arg);
int bench_files(void *arg);
int bench_spawn(void *arg);
int bench_udp(void *arg);

#endif
