/* spin.c - a task computes for long, and nobody else can run meanwhile.
 *
 * The watchdog says which one, and where it is, while it computes. Such work belongs into
 * coil_to_thread, or has to call coil_yield now and then.
 */
#include <coil.h>
#include <stdio.h>
#include <time.h>

static unsigned count_primes(unsigned limit)
{
    unsigned count = 0;

    for (unsigned n = 2; n < limit; n++) {
        unsigned divisor = 2;

        while (divisor < n && n % divisor != 0) {
            divisor++;
        }
        count += divisor == n;
    }
    return count;
}

static int search(void *arg)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 3;
    unsigned count = 0;

    (void)arg;
    while (clock() < end) {
        count = count_primes(20000);
    }
    printf("%u primes\n", count);
    return 0;
}

static int amain(void *arg)
{
    (void)arg;
    return coil_await(coil_create_task(search, NULL));
}

int main(void)
{
    struct coil_run_options options = {.stall_limit_ns = 100 * COIL_MSEC};

    return coil_run_with(&options, amain, NULL) < 0;
}
