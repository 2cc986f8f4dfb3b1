/* In debug mode a call on a datagram endpoint or process that is NULL or closed has a sentence. */
#include "harness.h"
#include "in_task.h"
#include "told.h"

#include <coil/datagram.h>
#include <coil/process.h>

static void call_datagram(struct coil_datagram *datagram, int error, const char *text)
{
    struct coil_datagram_message message = {.buf = (char[4]){0}, .size = 4};
    char buf[4];

    CHECK_TOLD(coil_datagram_recv(datagram, buf, sizeof buf), error, text);
    CHECK_TOLD(coil_datagram_send(datagram, buf, sizeof buf), error, text);
    CHECK_TOLD(coil_datagram_recv_batch(datagram, &message, 1), error, text);
    CHECK_TOLD(coil_datagram_set_multicast_ttl(datagram, 1), error, text);
}

TOLD_TEST(sentence_datagram)
{
    struct coil_datagram *datagram = NULL;
    struct coil_address address;

    call_datagram(NULL, -EINVAL, "a datagram endpoint is NULL");
    told.heard.count = 0;
    coil_datagram_close(NULL);
    CHECK_NOT_TOLD();
    if (test_backend_is("sim")) {
        return 0; /* it has none */
    }
    CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &address));
    if (coil_datagram_open(&address, NULL, NULL, &datagram) < 0) {
        test_made(NULL);
        return 0;
    }
    coil_datagram_close(datagram);
    CHECK_NOT_TOLD();
    call_datagram(datagram, -COIL_ECLOSED, "a datagram endpoint was used that is closed");
    return 0;
}

TOLD_TEST(sentence_process)
{
    const char *const argv[] = {"true", NULL};
    struct coil_process *process = NULL;

    CHECK_TOLD(coil_process_wait(NULL), -EINVAL, "a process is NULL");
    told.heard.count = 0;
    CHECK_OK(coil_process_close(NULL));
    if (coil_process_spawn(NULL, argv, &process) < 0) {
        test_made(NULL);
        return 0;
    }
    CHECK_OK(coil_process_wait(process));
    CHECK_OK(coil_process_close(process));
    CHECK_NOT_TOLD();
    CHECK_TOLD(coil_process_wait(process), -COIL_ECLOSED, "a process was used that is closed");
    CHECK_TOLD(coil_process_returncode(process), -COIL_ECLOSED, "coil_process_close");
    return 0;
}
