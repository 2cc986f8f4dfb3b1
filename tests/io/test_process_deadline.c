/* A deadline, or another cancel, that meets the answer of a worker process. */
#include "child.h"
#include "harness.h"

#include <coil/process_pool.h>

#include <time.h>

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static ssize_t add_one_slowly(const void *arg, size_t arg_size, void *ret_result,
                              size_t result_size)
{
    int number;

    if (arg_size != sizeof number || result_size < sizeof number) {
        return -EINVAL;
    }
    pause_ms(20);
    memcpy(&number, arg, sizeof number);
    number++;
    memcpy(ret_result, &number, sizeof number);
    return sizeof number;
}

struct call {
    int64_t timeout_ns;
    int result;
    ssize_t rc;
};

static int run_call(void *arg)
{
    struct call *call = arg;
    int number = 1;

    call->rc = -ETIMEDOUT;
    coil_timeout(call->timeout_ns) {
        call->rc = coil_to_process(add_one_slowly, &number, sizeof number, &call->result,
                                   sizeof call->result, NULL);
    }
    return 0;
}

/* The loop stands still until both have come, the answer and the deadline. */
static int meet(void *arg)
{
    struct call call = {.timeout_ns = COIL_MINUTE};

    (void)arg;
    run_call(&call); /* there is a worker now */
    CHECK_INT(call.rc, ==, sizeof call.result);
    for (int i = 0; i < 3; i++) {
        struct coil_task *task;

        call = (struct call){.timeout_ns = 10 * COIL_MSEC};
        task = coil_create_task(run_call, &call);
        yield_times(3);
        pause_ms(200);
        CHECK_OK(coil_await(task));
        CHECK_INT(call.rc, ==, sizeof call.result);
        CHECK_INT(call.result, ==, 2);
    }
    return 0;
}

COIL_TEST_LIMIT(process_answer_that_has_come_is_returned, 60)
{
    if (test_backend_is("sim")) {
        test_skip("worker processes need sockets of the system's");
    }
    CHECK_ERR(coil_run(meet, NULL), 0);
    check_no_children();
}
