/* system.c - what goes through the system: files, child processes, datagrams. */
#include "bench.h"

#include "../limits/raw.h"

#include <errno.h>
#include <stdio.h>

/* --- files: tasks read blocks here and there --- */

struct reading {
    int fd;
    uint64_t random;
    uint64_t block_count;
    long left;
};

static int reader(void *arg)
{
    struct reading *reading = arg;
    char block[READ_SIZE] __attribute__((aligned(64)));

    while (reading->left > 0) {
        uint64_t place = next_random(&reading->random) % reading->block_count;
        ssize_t count;

        reading->left--;
        count = coil_pread(reading->fd, block, READ_SIZE, (int64_t)(place * READ_SIZE));
        if (count != READ_SIZE) {
            return count < 0 ? (int)count : -COIL_EINCOMPLETE;
        }
    }
    return 0;
}

static int read_all(struct reading *reading)
{
    struct coil_task *tasks[READS_IN_FLIGHT];

    for (int i = 0; i < READS_IN_FLIGHT; i++) {
        tasks[i] = coil_create_task(reader, reading);
    }
    return coil_gather(tasks, READS_IN_FLIGHT, NULL);
}

int bench_files(void *arg)
{
    const struct bench_file *file = arg;
    struct reading reading = {.random = 88172645463325252u, .left = file->count};
    struct stat status;
    struct bench_start start;
    int rc;

    reading.fd = coil_open(file->path, O_RDONLY, 0);
    if (reading.fd < 0) {
        return reading.fd;
    }
    rc = coil_fstat(reading.fd, &status);
    if (rc == 0) {
        reading.block_count = (uint64_t)status.st_size / READ_SIZE;
        start = bench_begin();
        rc = read_all(&reading);
        bench_print("files", start, file->count);
    }
    coil_close(reading.fd);
    return rc;
}

/* --- child processes, one at a time --- */

int bench_spawn(void *arg)
{
    long count = *(long *)arg;
    const char *const argv[] = {SPAWN_PROGRAM, NULL};
    struct bench_start start = bench_begin();

    for (long i = 0; i < count; i++) {
        struct coil_process *process;
        int rc = coil_process_spawn(NULL, argv, &process);

        if (rc == 0) {
            rc = coil_process_wait(process);
            coil_process_close(process);
        }
        if (rc != 0) {
            return rc < 0 ? rc : -COIL_EINCOMPLETE;
        }
    }
    bench_print("spawn", start, count);
    return 0;
}

/* --- datagrams: an echo server --- */

static int echo_all(struct coil_datagram *datagram)
{
    static char bufs[DATAGRAM_BATCH][DATAGRAM_SIZE];
    static struct coil_datagram_message messages[DATAGRAM_BATCH];
    int count;

    do {
        for (int i = 0; i < DATAGRAM_BATCH; i++) {
            messages[i].buf = bufs[i];
            messages[i].size = DATAGRAM_SIZE;
        }
        count = coil_datagram_recv_batch(datagram, messages, DATAGRAM_BATCH);
        for (int i = 0; i < count; i++) {
            messages[i].size = messages[i].length;
        }
        if (count > 0) {
            count = coil_datagram_send_batch(datagram, messages, (size_t)count);
        }
    } while (count >= 0 || count == -ECONNREFUSED);
    return count;
}

int bench_udp(void *arg)
{
    struct coil_datagram *datagram;
    struct coil_address address;
    int rc = coil_address_from_ip("127.0.0.1", (uint16_t) * (long *)arg, &address);

    rc = rc < 0 ? rc : coil_datagram_open(&address, NULL, NULL, &datagram);
    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    rc = echo_all(datagram);
    coil_datagram_close(datagram);
    return rc;
}
