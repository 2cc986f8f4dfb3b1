/* No memory for OpenSSL itself: each allocation of its fails, once, or from then on (E15). What is
 * done meanwhile ends with a named error or succeeds, is never wrong, hangs nowhere, and leaves
 * nothing behind, neither of ours nor of OpenSSL's.
 *
 * Making two contexts takes 15,000 allocations, a handshake 11,000: some of them are tried, evenly
 * spread, and every one, which takes some minutes each, in the stage of the torture. */
#include "openssl_memory.h"
#include "tls_pair.h"

#include <unistd.h>

static bool openssl_is_excused(const char *file, int line)
{
    (void)file;
    (void)line;
    return false;
}

/* Unless all are tried, one in so many of those that the stories name. */
enum { COARSE = 9 };

/* --- what is done --- */

struct stage {
    const struct cast *cast;
    const struct story *story;
    struct coil_tls_context *contexts[2];
    struct end ends[2];
    int rc[2];
    char bytes[100 * 1024];
};

struct story {
    const char *name;
    enum coil_tls_version version;
    void (*prepare)(struct stage *stage);
    void (*act)(struct stage *stage);  /* without memory */
    void (*look)(struct stage *stage); /* with it again: what has come of it? */
    size_t size;                       /* of what is echoed */
    unsigned stride;
};

static const char *const alpn[] = {"h2", "http/1.1", NULL};

/* OpenSSL does not always know any more, where it reports it, that memory was what it lacked: what
 * it could not decode, say, counts as broken. */
static bool is_named(int rc, const char *text)
{
    return text[0] && (rc == -ENOMEM || rc == -ECONNRESET || rc == -EPIPE ||
                       (rc <= -COIL_ETLSCONFIG && rc >= -COIL_ETLSNOCERT));
}

static void free_stage_contexts(struct stage *stage)
{
    for (int i = 0; i < 2; i++) {
        coil_tls_context_free(stage->contexts[i]);
        stage->contexts[i] = NULL;
    }
}

static void open_stage(struct stage *stage)
{
    struct coil_stream *lower[2];

    CHECK_OK(coil_stream_pair(NULL, lower));
    for (int i = 0; i < 2; i++) {
        stage->ends[i] = (struct end){.lower = lower[i], .context = stage->contexts[i]};
        stage->ends[i].options.handshake_timeout_ns = 10 * COIL_SEC;
    }
    stage->ends[CLIENT].options.server_name = "localhost";
}

static void meet_on_stage(struct stage *stage)
{
    open_stage(stage);
    meet(stage->ends);
    CHECK_OK(stage->ends[CLIENT].rc);
    CHECK_OK(stage->ends[SERVER].rc);
}

static void leave_stage(struct stage *stage)
{
    for (int i = 0; i < 2; i++) {
        coil_stream_abort(stage->ends[i].stream);
        stage->ends[i].stream = NULL;
    }
}

/* Both have certificates, which both look at; they have a protocol in common. */
static void make_contexts(struct stage *stage, struct coil_tls_failure failures[2])
{
    const struct cast *cast = stage->cast;
    struct coil_tls_context_options client = {.certificate = cast->client.certificate_pem,
                                              .key = cast->client.key_pem,
                                              .ca = cast->authority.certificate_pem,
                                              .alpn = alpn,
                                              .max_version = stage->story->version,
                                              .no_resumption = true,
                                              .ret_failure = &failures[CLIENT]};
    struct coil_tls_context_options server = {.is_server = true,
                                              .certificate = cast->server.certificate_pem,
                                              .key = cast->server.key_pem,
                                              .ca = cast->authority.certificate_pem,
                                              .verify = COIL_TLS_VERIFY_REQUIRED,
                                              .alpn = alpn,
                                              .ret_failure = &failures[SERVER]};

    stage->rc[CLIENT] = coil_tls_context_new(&client, &stage->contexts[CLIENT]);
    stage->rc[SERVER] = coil_tls_context_new(&server, &stage->contexts[SERVER]);
}

/* --- contexts --- */

static void act_contexts(struct stage *stage)
{
    struct coil_tls_failure failures[2];

    make_contexts(stage, failures);
    for (int i = 0; i < 2; i++) {
        CHECK_MSG(stage->rc[i] == 0 || is_named(stage->rc[i], failures[i].text), "%s: %s",
                  coil_errname(stage->rc[i]), failures[i].text);
        CHECK_INT(failures[i].error, ==, stage->rc[i]);
        CHECK((stage->rc[i] == 0) == (stage->contexts[i] != NULL));
        CHECK((stage->rc[i] == 0) == (failures[i].text[0] == '\0'));
    }
}

static void check_whole(struct stage *stage)
{
    struct coil_tls_info info;

    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_tls_get_info(stage->ends[i].stream, &info));
        CHECK(info.has_certificate);
        CHECK_STR(info.verify_error, "");
        CHECK_STR(info.alpn, "h2");
        CHECK_STR(info.server_name, "localhost");
    }
    check_talk(stage->ends[CLIENT].stream, stage->ends[SERVER].stream);
}

/* --- handshakes --- */

/* One end: the handshake, a byte there, and one back. */
struct guest {
    struct end *end;
    int rc; /* of the bytes: 1; or an error */
};

/* The one that is through hears of the other when it reads, and then is not waited for. */
static int run_guest(void *arg)
{
    struct guest *guest = arg;
    struct coil_stream *stream;
    char byte = '!';

    run_end(guest->end);
    stream = guest->end->stream;
    if (stream) {
        coil_stream_write(stream, &byte, 1);
        guest->rc = (int)coil_stream_read(stream, &byte, 1);
        CHECK_MSG(guest->rc == 1 || is_named(guest->rc, coil_tls_error_text(stream)), "%s: %s",
                  coil_errname(guest->rc), coil_tls_error_text(stream));
        if (guest->rc < 0) {
            coil_stream_abort(stream);
        }
    }
    return 0;
}

static void act_handshake(struct stage *stage)
{
    struct guest guests[2] = {{&stage->ends[CLIENT]}, {&stage->ends[SERVER]}};
    struct coil_task *task = coil_create_task(run_guest, &guests[SERVER]);

    coil_timeout(PATIENCE) {
        run_guest(&guests[CLIENT]);
    }
    CHECK_OK(coil_await(task));
    stage->rc[CLIENT] = guests[CLIENT].rc;
    stage->rc[SERVER] = guests[SERVER].rc;
}

static void check_ends(struct stage *stage, const int expected[2])
{
    for (int i = 0; i < 2; i++) {
        const struct end *end = &stage->ends[i];

        CHECK_MSG(end->rc == expected[i] || is_named(end->rc, end->failure.text), "%s: %s",
                  coil_errname(end->rc), end->failure.text);
        CHECK_INT(end->failure.error, ==, end->rc);
        CHECK((end->rc == 0) == (end->stream != NULL));
    }
}

static void look_handshake(struct stage *stage)
{
    check_ends(stage, (const int[2]){0, 0});
    if (stage->rc[CLIENT] == 1 && stage->rc[SERVER] == 1) {
        check_whole(stage);
        close_ends(stage->ends);
    }
    leave_stage(stage);
}

static void look_contexts(struct stage *stage)
{
    if (stage->rc[CLIENT] == 0 && stage->rc[SERVER] == 0) {
        open_stage(stage);
        act_handshake(stage);
        look_handshake(stage);
    }
    free_stage_contexts(stage);
}

static void prepare_to_resume(struct stage *stage)
{
    struct coil_tls_context_options client = {.certificate = stage->cast->client.certificate_pem,
                                              .key = stage->cast->client.key_pem,
                                              .alpn = alpn,
                                              .max_version = stage->story->version};

    coil_tls_context_free(stage->contexts[CLIENT]);
    stage->contexts[CLIENT] = client_context(stage->cast, &client);
    meet_on_stage(stage);
    check_talk(stage->ends[SERVER].stream, stage->ends[CLIENT].stream);
    close_ends(stage->ends);
    open_stage(stage);
}

static void look_resumed(struct stage *stage)
{
    struct coil_tls_info info = {.is_resumed = false};

    if (openssl_memory.failed == 0) {
        CHECK_OK(coil_tls_get_info(stage->ends[SERVER].stream, &info));
        CHECK(info.is_resumed);
    }
    look_handshake(stage);
}

/* Nobody gets through without memory who does not get through with it. */
static void prepare_stranger(struct stage *stage)
{
    open_stage(stage);
    stage->ends[CLIENT].options.server_name = "example.org";
}

static void look_stranger(struct stage *stage)
{
    check_ends(stage, (const int[2]){-COIL_ETLSHOSTNAME, -COIL_ETLSALERT});
    CHECK_INT(stage->ends[CLIENT].rc, <, 0);
    leave_stage(stage);
}

/* --- data --- */

static int run_echo(void *arg)
{
    struct end *end = arg;
    char buf[8 * 1024];
    ssize_t n;

    while ((n = coil_stream_read(end->stream, buf, sizeof buf)) > 0) {
        n = coil_stream_write(end->stream, buf, (size_t)n);
        if (n < 0) {
            break;
        }
    }
    coil_stream_abort(end->stream);
    end->stream = NULL;
    return (int)n;
}

static int run_write(void *arg)
{
    struct stage *stage = arg;
    size_t done = 0;
    ssize_t n = 1;

    while (done < stage->story->size && n > 0) {
        n = coil_stream_write(stage->ends[CLIENT].stream, stage->bytes + done,
                              stage->story->size - done);
        done += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? (int)n : 0;
}

static void act_echo(struct stage *stage)
{
    struct coil_stream *stream = stage->ends[CLIENT].stream;
    struct coil_task *echo = coil_create_task(run_echo, &stage->ends[SERVER]);
    struct coil_task *writer = coil_create_task(run_write, stage);
    static char back[sizeof stage->bytes];
    int rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = (int)coil_stream_read_exactly(stream, back, stage->story->size, NULL);
    }
    if (rc == (int)stage->story->size) {
        CHECK_MEM(back, stage->bytes, stage->story->size);
        rc = 0;
    }
    CHECK_MSG(rc == 0 || is_named(rc, coil_tls_error_text(stream)) || rc == -COIL_EINCOMPLETE,
              "%s: %s", coil_errname(rc), coil_tls_error_text(stream));
    coil_stream_abort(stream);
    coil_timeout(PATIENCE) {
        stage->rc[CLIENT] = coil_await(writer);
        stage->rc[SERVER] = coil_await(echo);
    }
    stage->ends[CLIENT].stream = NULL;
}

static void look_echo(struct stage *stage)
{
    for (int i = 0; i < 2; i++) {
        int rc = stage->rc[i];

        CHECK_MSG(rc == 0 || is_named(rc, "?") || rc == -COIL_ECLOSED, "%d: %s", i,
                  coil_errname(rc));
    }
}

static void act_close(struct stage *stage)
{
    struct coil_task *task = coil_create_task(run_close, stage->ends[SERVER].stream);

    coil_timeout(PATIENCE) {
        stage->rc[CLIENT] = coil_stream_close(stage->ends[CLIENT].stream);
    }
    stage->rc[SERVER] = coil_await(task);
    for (int i = 0; i < 2; i++) {
        stage->ends[i].stream = NULL;
    }
}

/* --- what is asked --- */

/* All of it is told, or nothing. */
static void act_certificate(struct stage *stage)
{
    struct coil_tls_certificate *certificate = NULL;
    int rc = coil_tls_get_certificate(stage->ends[CLIENT].stream, &certificate);

    openssl_memory_disarm();
    CHECK((rc == 0) == (certificate != NULL));
    if (certificate) {
        CHECK_STR(certificate->subject, "CN=localhost");
        CHECK_STR(certificate->issuer, "CN=Test Authority");
        CHECK_STR(certificate->common_name, "localhost");
        CHECK_INT(strlen(certificate->serial), >, 0);
        CHECK_INT(certificate->name_count, ==, 3);
        CHECK_STR(certificate->names[0], "DNS:localhost");
        CHECK_INT(certificate->not_after - certificate->not_before, ==, INT64_C(366) * DAY);
        CHECK_INT(certificate->der_size, ==, i2d_X509(stage->cast->server.certificate, NULL));
        coil_tls_certificate_free(certificate);
    } else {
        CHECK_ERR(rc, -ENOMEM);
    }
}

/* --- again and again --- */

struct left {
    long openssl;
    size_t ours;
};

/* What is kept besides: by the loop, by OpenSSL for the process and the thread. */
static struct left left_now(void)
{
    yield_times(5);
    ERR_clear_error();
    return (struct left){openssl_memory.live, test_live_blocks()};
}

static void play(struct stage *stage, uint64_t n, bool is_lasting)
{
    const struct story *story = stage->story;

    if (story->prepare) {
        story->prepare(stage);
    }
    openssl_memory_arm(n, is_lasting);
    story->act(stage);
    openssl_memory_disarm();
    if (story->look) {
        story->look(stage);
    } else {
        leave_stage(stage);
    }
}

/* What is kept the first time may be for the process; what is kept each time is lost. */
static void check_nothing_left(struct stage *stage, uint64_t n, bool is_lasting)
{
    for (int i = 0; i < 4; i++) {
        struct left before = left_now(), after;

        play(stage, n, is_lasting);
        after = left_now();
        if (after.openssl <= before.openssl && after.ours <= before.ours) {
            return;
        }
        CHECK_MSG(i < 3, "%ld blocks of OpenSSL's are left behind, and %ld of ours",
                  after.openssl - before.openssl, (long)(after.ours - before.ours));
    }
}

/* For the output of a test that has failed: which allocation it was that failed last. */
static void tell_place(uint64_t n, bool is_lasting)
{
    static off_t start = -1;

    start = start < 0 ? lseek(STDERR_FILENO, 0, SEEK_CUR) : start;
    if (start >= 0 && ftruncate(STDERR_FILENO, start) == 0) {
        lseek(STDERR_FILENO, start, SEEK_SET);
    }
    fprintf(stderr, "allocation %llu%s\n", (unsigned long long)n,
            is_lasting ? ", from then on" : "");
}

static int sweep(struct stage *stage, bool is_lasting)
{
    unsigned stride = stage->story->stride ? stage->story->stride : 1;
    uint64_t n = 1;

    stride = test_is_thorough() ? 1 : stride * COARSE;
    stride = is_lasting && !test_is_thorough() ? stride * 10 + 1 : stride;
    stride = test_has_valgrind() ? stride * 50 : stride;
    do {
        tell_place(n, is_lasting);
        check_nothing_left(stage, n, is_lasting);
        n += stride;
    } while (openssl_memory.failed > 0);
    return 0;
}

/* Each place in OpenSSL's queue of errors keeps the text that was ever put there. */
static void warm_up(struct stage *stage)
{
    for (int i = 0; i < 20; i++) {
        ERR_raise_data(ERR_LIB_USER, ERR_R_MALLOC_FAILURE, "%d", i);
    }
    CHECK(ERR_reason_error_string(ERR_peek_error()) != NULL);
    for (int i = 0; i < 3; i++) {
        play(stage, 0, false);
    }
}

static int run_story(void *arg)
{
    static struct stage stage;
    static struct cast cast;

    if (test_is_torture()) {
        test_skip("has faults of its own");
    }
    if (!openssl_memory.is_installed) {
        test_skip("OpenSSL has allocated before main");
    }
    make_cast(&cast);
    stage = (struct stage){.cast = &cast, .story = arg};
    fill_bytes(stage.bytes, sizeof stage.bytes);
    if (stage.story->prepare) {
        struct coil_tls_failure failures[2];

        make_contexts(&stage, failures);
        CHECK_OK(stage.rc[CLIENT]);
        CHECK_OK(stage.rc[SERVER]);
    }
    warm_up(&stage);
    fprintf(stderr, "%s: %llu allocations\n", stage.story->name,
            (unsigned long long)openssl_memory.seen);
    sweep(&stage, false);
    sweep(&stage, true);
    free_stage_contexts(&stage);
    free_cast(&cast);
    return 0;
}

#define MEMORY_TEST(name_, ...)                                                                    \
    COIL_TEST_LIMIT(name_, 1800)                                                                   \
    {                                                                                              \
        static struct story story = {.name = #name_, __VA_ARGS__};                                 \
        CHECK_OK(coil_run(run_story, &story));                                                     \
    }

MEMORY_TEST(memory_contexts, .act = act_contexts, .look = look_contexts, .stride = 211)
MEMORY_TEST(memory_handshake, .version = COIL_TLS_1_3, .prepare = open_stage, .act = act_handshake,
            .look = look_handshake, .stride = 101)
MEMORY_TEST(memory_handshake_of_1_2, .version = COIL_TLS_1_2, .prepare = open_stage,
            .act = act_handshake, .look = look_handshake, .stride = 101)
MEMORY_TEST(memory_resumption, .version = COIL_TLS_1_3, .prepare = prepare_to_resume,
            .act = act_handshake, .look = look_resumed, .stride = 61)
MEMORY_TEST(memory_stranger, .version = COIL_TLS_1_3, .prepare = prepare_stranger,
            .act = act_handshake, .look = look_stranger, .stride = 61)
MEMORY_TEST(memory_small_echo, .version = COIL_TLS_1_3, .prepare = meet_on_stage, .act = act_echo,
            .look = look_echo, .size = 100)
MEMORY_TEST(memory_large_echo, .version = COIL_TLS_1_3, .prepare = meet_on_stage, .act = act_echo,
            .look = look_echo, .size = 100 * 1024, .stride = 3)
MEMORY_TEST(memory_close, .version = COIL_TLS_1_3, .prepare = meet_on_stage, .act = act_close)
MEMORY_TEST(memory_certificate, .version = COIL_TLS_1_3, .prepare = meet_on_stage,
            .act = act_certificate)
