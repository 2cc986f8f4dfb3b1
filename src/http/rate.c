/* rate.c - peers that are slow without ever being silent: one byte before each deadline keeps a
 * connection for ever (slow-loris).
 *
 * So the time for a wait is a stock, and what the peer moves fills it up again, a second for each
 * `rate` bytes. Only time in which the peer is waited for is taken from it: a handler may be as
 * slow as it likes. The stock is the timeout, and never more: what was fast once excuses nothing
 * later.
 */
#include "http/http.h"

int64_t coil__http_time_left(int64_t used_ns, int64_t timeout_ns)
{
    if (timeout_ns == COIL_NEVER) {
        return COIL_NEVER;
    }
    return used_ns < timeout_ns ? timeout_ns - used_ns : 0;
}

void coil__http_use_time(int64_t *used_ns, int64_t waited_ns, uint64_t bytes, uint32_t rate)
{
    double used;

    if (rate == 0) {
        *used_ns = bytes > 0 ? 0 : *used_ns + waited_ns;
        return;
    }
    used = (double)*used_ns + (double)waited_ns - (double)bytes * (double)COIL_SEC / rate;
    *used_ns = used > 0 ? (int64_t)used : 0;
}
