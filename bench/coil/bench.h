/* bench.h - the work items. Each is a task function; arg points to a long: count, N or port. */
#ifndef COIL_BENCH_H
#define COIL_BENCH_H

#include <coil.h>

int bench_yield(void *arg);
int bench_create(void *arg);
int bench_handover(void *arg);
int bench_sleep(void *arg);
int bench_echo(void *arg);

#endif
