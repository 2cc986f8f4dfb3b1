/* coil_bench.c - coil's own side of the benchmarks; the same command line as the peers'.
 *
 *     coil_bench yield | create | handover      prints item=NAME ns=PER_OP
 *     coil_bench sleep N                        prints item=sleep n=N wall_s= rss_kib=
 *     coil_bench echo PORT                      serves on 127.0.0.1, prints "ready"
 *
 * Written as a user would: public headers only, the default options. An argument after the item's
 * own sets the number of operations (for callgrind).
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    const char *name;
    coil_task_fn fn;
    long default_count;
};

static const struct item items[] = {
    {"yield", bench_yield, 20000000},
    {"create", bench_create, 5000000},
    {"handover", bench_handover, 10000000},
    {"sleep", bench_sleep, 100000},
    {"echo", bench_echo, 0},
};

static int usage(void)
{
    fprintf(stderr, "usage: coil_bench yield|create|handover|sleep N|echo PORT [COUNT]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return usage();
    }
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (strcmp(argv[1], items[i].name) == 0) {
            long count = argc > 2 ? strtol(argv[2], NULL, 10) : items[i].default_count;
            int rc = coil_run(items[i].fn, &count);

            if (rc < 0) {
                fprintf(stderr, "coil_bench: %s\n", coil_strerror(rc));
            }
            return rc < 0;
        }
    }
    return usage();
}
