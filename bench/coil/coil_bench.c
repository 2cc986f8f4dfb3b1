/* coil_bench.c - coil's own side of the benchmarks; the same command line as the peers'.
 *
 *     coil_bench yield | create | handover | lock | queue | spawn
 *                                               prints item=NAME ns= cpu_ns= of one
 *     coil_bench files PATH                     the same: random reads of 4 KiB
 *     coil_bench sleep N                        prints item=sleep n=N wall_s= rss_kib=
 *     coil_bench echo PORT | udp PORT           serves on 127.0.0.1, prints "ready"
 *
 * Written as a user would: public headers only, the default options. An argument after the item's
 * own sets the number of operations (for callgrind).
 */
#include "bench.h"

#include "../limits/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    const char *name;
    coil_task_fn fn;
    long default_count;
    bool takes_path;
};

static const struct item items[] = {
    {"yield", bench_yield, 20000000, false},
    {"create", bench_create, 5000000, false},
    {"handover", bench_handover, 10000000, false},
    {"lock", bench_lock, 100000000, false},
    {"queue", bench_queue, 10000000, false},
    {"sleep", bench_sleep, 100000, false},
    {"echo", bench_echo, 0, false},
    {"files", bench_files, 3000000, true},
    {"spawn", bench_spawn, 1500, false},
    {"udp", bench_udp, 0, false},
};

struct bench_start bench_begin(void)
{
    return (struct bench_start){.wall_ns = coil_now(), .cpu_ns = cpu_now_ns()};
}

void bench_print(const char *item, struct bench_start start, long count)
{
    printf("item=%s ns=%.3f cpu_ns=%.3f\n", item,
           (double)(coil_now() - start.wall_ns) / (double)count,
           (double)(cpu_now_ns() - start.cpu_ns) / (double)count);
}

static int usage(void)
{
    fprintf(stderr, "usage: coil_bench yield|create|handover|lock|queue|spawn|sleep N|echo PORT|"
                    "udp PORT|files PATH [COUNT]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return usage();
    }
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        const struct item *item = &items[i];
        int at = item->takes_path ? 3 : 2;
        struct bench_file arg = {.path = argv[2]};
        int rc;

        if (strcmp(argv[1], item->name) != 0) {
            continue;
        }
        if (item->takes_path && argc < 3) {
            return usage();
        }
        arg.count = argc > at ? strtol(argv[at], NULL, 10) : item->default_count;
        rc = coil_run(item->fn, &arg); /* most look at the count, which is its first field, alone */
        if (rc < 0) {
            fprintf(stderr, "coil_bench: %s\n", coil_strerror(rc));
        }
        return rc < 0;
    }
    return usage();
}
