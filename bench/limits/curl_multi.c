/* curl_multi.c - many GETs over some connections by libcurl's multi interface.
 *
 *     curl_multi client PORT [COUNT CONNECTIONS]      from 127.0.0.1
 *
 * Prints what bench/coil/http_client.c prints. Each easy handle is used again, and so is its
 * connection; the multi handle waits with curl_multi_poll, as its manual has it.
 */
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 1024 };

static size_t take(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    return size * count;
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void start(CURLM *multi, const char *url)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_multi_add_handle(multi, easy);
}

/* Takes those that have ended, and lets them go on. */
static void renew(CURLM *multi, unsigned long *left, unsigned long *done, unsigned long *failed)
{
    CURLMsg *message;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        *failed += message->data.result != CURLE_OK || status != 200;
        (*done)++;
        curl_multi_remove_handle(multi, easy);
        if (*left > 0) {
            (*left)--;
            curl_multi_add_handle(multi, easy);
        } else {
            curl_easy_cleanup(easy);
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
    unsigned long connections = argc > 4 ? strtoul(argv[4], NULL, 10) : 64;
    char url[64];
    unsigned long left = count;
    unsigned long done = 0;
    unsigned long failed = 0;
    CURLM *multi;
    double wall;
    double cpu;
    int running;

    if (argc < 3 || count == 0 || connections == 0 || connections > MOST) {
        fprintf(stderr, "usage: curl_multi client PORT [COUNT CONNECTIONS]\n");
        return 2;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%.5s/", argv[2]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned long i = 0; i < connections && left > 0; i++) {
        left--;
        start(multi, url);
    }
    while (done < count) {
        curl_multi_perform(multi, &running);
        renew(multi, &left, &done, &failed);
        if (done < count && running > 0) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    curl_multi_cleanup(multi);
    curl_global_cleanup();
    printf("item=client cpu_us=%.3f wall_us=%.3f rps=%.0f failed=%lu\n", cpu * 1e6 / (double)count,
           wall * 1e6 / (double)count, (double)count / wall, failed);
    return failed > 0;
}
