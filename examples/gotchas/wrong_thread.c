/* wrong_thread.c - a thread touches what belongs to a loop.
 *
 * The calls fail with -COIL_EWRONGTHREAD and change nothing. asyncio notices this for call_soon
 * and call_at only, and only in debug mode. Here debug mode says which loop and thread it was.
 */
#include <coil.h>
#include <pthread.h>
#include <stdio.h>

static struct coil_loop *loop;
static struct coil_event *done;
static struct coil_handle handle;

static void set_done(void *event)
{
    coil_event_set(event);
}

static void *work(void *arg)
{
    (void)arg;
    coil_event_set(done);                          /* wrong: events are not for other threads */
    coil_call_soon(loop, &handle, set_done, done); /* wrong too, and the loop would not wake */
    coil_call_soon_threadsafe(loop, &handle, set_done, done); /* right */
    return NULL;
}

static int amain(void *arg)
{
    struct coil_event event = {0};
    pthread_t thread;
    int rc;

    (void)arg;
    loop = coil_loop_current();
    done = &event;
    coil_timeout(1 * COIL_MSEC) {
        coil_event_wait(&event); /* from now on the event belongs to this loop */
    }
    if (pthread_create(&thread, NULL, work, NULL) != 0) {
        return -1;
    }
    rc = coil_event_wait(&event);
    pthread_join(thread, NULL);
    return rc;
}

int main(void)
{
    return coil_run(amain, NULL) < 0;
}
