/* TLS streams that work: handshakes, data both ways, the end, and what can be asked (E15). */
#include "tls_pair.h"

/* --- handshake and queries --- */

TASK_TEST(tls_handshake_and_info)
{
    struct coil_tls_info info;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    CHECK(coil_tls_is_tls(ends[CLIENT].stream) && coil_tls_is_tls(ends[SERVER].stream));
    check_talk(ends[CLIENT].stream, ends[SERVER].stream);
    CHECK_OK(coil_tls_get_info(ends[CLIENT].stream, &info));
    CHECK_INT(info.version, ==, COIL_TLS_1_3);
    CHECK_STR(info.version_name, "TLSv1.3");
    CHECK_CONTAINS(info.cipher, "TLS_");
    CHECK_INT(info.cipher_bits, >=, 128);
    CHECK_STR(info.alpn, "");
    CHECK_STR(info.server_name, "localhost");
    CHECK(info.has_certificate && !info.is_resumed);
    CHECK_STR(info.verify_error, "");
    CHECK_OK(coil_tls_get_info(ends[SERVER].stream, &info));
    CHECK_STR(info.server_name, "localhost");
    CHECK(!info.has_certificate);
    CHECK_STR(coil_tls_error_text(ends[CLIENT].stream), "");
    CHECK_ERR(coil_tls_get_info(ends[SERVER].stream, NULL), -EINVAL);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

TASK_TEST(tls_queries_of_other_streams)
{
    struct coil_tls_certificate *certificate;
    struct coil_tls_info info;
    struct coil_stream *s[2];

    open_streams(NULL, s);
    CHECK(!coil_tls_is_tls(s[0]) && !coil_tls_is_tls(NULL));
    CHECK(coil_tls_error_text(s[0]) == NULL);
    CHECK_ERR(coil_tls_get_info(s[0], &info), -EINVAL);
    CHECK_ERR(coil_tls_get_info(NULL, &info), -EINVAL);
    CHECK_ERR(coil_tls_get_certificate(s[0], &certificate), -EINVAL);
    close_streams(s);
    CHECK_ERR(coil_tls_get_info(s[0], &info), -COIL_ECLOSED);
    CHECK_ERR(coil_tls_get_certificate(s[0], &certificate), -COIL_ECLOSED);
    coil_tls_certificate_free(NULL);
    return 0;
}

TASK_TEST(tls_peer_certificate)
{
    struct coil_tls_certificate *certificate = NULL;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    CHECK_OK(coil_tls_get_certificate(ends[CLIENT].stream, &certificate));
    if (certificate) {
        unsigned char sha256[32];

        CHECK_STR(certificate->subject, "CN=localhost");
        CHECK_STR(certificate->issuer, "CN=Test Authority");
        CHECK_STR(certificate->common_name, "localhost");
        CHECK_INT(strlen(certificate->serial), >, 0);
        CHECK_INT(certificate->name_count, ==, 3);
        CHECK_STR(certificate->names[0], "DNS:localhost");
        CHECK_STR(certificate->names[1], "IP:127.0.0.1");
        CHECK_STR(certificate->names[2], "IP:::1");
        CHECK_INT(certificate->not_after - certificate->not_before, ==, INT64_C(366) * DAY);
        CHECK(X509_digest(cast.server.certificate, EVP_sha256(), sha256, NULL) > 0);
        CHECK_MEM(certificate->sha256, sha256, 32);
        CHECK_INT(certificate->der_size, ==, i2d_X509(cast.server.certificate, NULL));
        coil_tls_certificate_free(certificate);
    }
    CHECK_ERR(coil_tls_get_certificate(ends[SERVER].stream, &certificate), -COIL_ETLSNOCERT);
    CHECK_ERR(coil_tls_get_certificate(ends[CLIENT].stream, NULL), -EINVAL);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

TASK_TEST(tls_of_version_1_2_only)
{
    struct coil_tls_context_options old = {.max_version = COIL_TLS_1_2};
    struct coil_tls_info info;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (int who = 0; who < 2; who++) {
        open_pair(&cast, who == 0 ? &old : NULL, who == 1 ? &old : NULL, ends);
        CHECK_OK(coil_tls_get_info(ends[CLIENT].stream, &info));
        CHECK_INT(info.version, ==, COIL_TLS_1_2);
        check_talk(ends[CLIENT].stream, ends[SERVER].stream);
        check_talk(ends[SERVER].stream, ends[CLIENT].stream);
        close_pair(ends);
    }
    free_cast(&cast);
    return 0;
}

/* The address, the peer and the descriptor are those of the stream below. */
TASK_TEST(tls_has_the_address_of_the_lower_stream)
{
    struct coil_address mine, peer;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    CHECK_OK(coil_stream_get_address(ends[CLIENT].stream, &mine));
    CHECK_OK(coil_stream_get_peer(ends[SERVER].stream, &peer));
    CHECK_INT(coil_address_get_port(&mine), ==, coil_address_get_port(&peer));
    CHECK_OK(coil_stream_get_fd(ends[CLIENT].stream));
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* --- much data --- */

enum { CHUNK = 100000 };

struct flood {
    struct coil_stream *stream;
    size_t size;
    size_t count;
    int rc;
};

static int pour(void *arg)
{
    struct flood *flood = arg;
    char *chunk = test_made(malloc(CHUNK));
    size_t done = 0;
    ssize_t rc = 0;

    while (chunk && rc >= 0 && done < flood->size) {
        size_t size = flood->size - done < CHUNK ? flood->size - done : CHUNK;

        for (size_t i = 0; i < size; i++) {
            chunk[i] = byte_at(done + i);
        }
        rc = coil_stream_write(flood->stream, chunk, size / 3);
        rc = rc < 0 ? rc : coil_stream_write(flood->stream, chunk + size / 3, size - size / 3);
        done += size;
    }
    free(chunk);
    flood->rc = rc < 0 ? (int)rc : coil_stream_write_eof(flood->stream);
    return flood->rc;
}

static int drink(void *arg)
{
    struct flood *flood = arg;

    flood->rc = read_rest(flood->stream, &flood->count);
    return flood->rc;
}

/* In four tasks. */
static void flood_both(struct end ends[2], size_t size)
{
    struct coil_task *tasks[4];
    struct flood floods[4];

    for (int i = 0; i < 4; i++) {
        floods[i] = (struct flood){.stream = ends[i % 2].stream, .size = size};
        tasks[i] = coil_create_task(i < 2 ? pour : drink, &floods[i]);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_ERR(floods[i].rc, 0);
    }
    CHECK_INT(floods[2].count, ==, (int64_t)size);
    CHECK_INT(floods[3].count, ==, (int64_t)size);
    close_pair(ends);
}

static size_t size_of_flood(void)
{
    return test_is_torture() || test_has_valgrind() ? 300000 : 10000000;
}

TASK_TEST(tls_much_data_both_ways)
{
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (int version = COIL_TLS_1_2; version <= COIL_TLS_1_3; version++) {
        open_pair(&cast,
                  &(struct coil_tls_context_options){.max_version = (enum coil_tls_version)version},
                  NULL, ends);
        flood_both(ends, size_of_flood());
    }
    free_cast(&cast);
    return 0;
}

/* The streams below have less room than a record: the rest of each goes on by itself. */
TASK_TEST(tls_over_small_streams)
{
    const size_t marks[] = {100, 5000, 40000};
    struct coil_stream *lower[2];
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (int i = 0; i < 3; i++) {
        const struct coil_stream_options small = {.high_water = marks[i]};

        CHECK_OK(coil_stream_pair(&small, lower));
        for (int who = 0; who < 2; who++) {
            ends[who] = (struct end){.lower = lower[who]};
        }
        ends[CLIENT].context = client_context(&cast, NULL);
        ends[SERVER].context = server_context(&cast, NULL);
        ends[CLIENT].options.server_name = "localhost";
        meet(ends);
        CHECK_OK(ends[CLIENT].rc);
        CHECK_OK(ends[SERVER].rc);
        flood_both(ends, size_of_flood() / 10);
    }
    free_cast(&cast);
    return 0;
}

/* A write whose rest does not fit below, and then nobody calls any more: it arrives. */
TASK_TEST(tls_rest_of_a_write_goes_on_by_itself)
{
    const struct coil_stream_options small = {.high_water = 1000};
    struct coil_stream *lower[2];
    char data[10000], got[10000];
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    fill_bytes(data, sizeof data);
    CHECK_OK(coil_stream_pair(&small, lower));
    ends[CLIENT] = (struct end){.lower = lower[0], .context = client_context(&cast, NULL)};
    ends[SERVER] = (struct end){.lower = lower[1], .context = server_context(&cast, NULL)};
    ends[CLIENT].options.server_name = "localhost";
    meet(ends);
    CHECK_INT(coil_stream_write(ends[CLIENT].stream, data, sizeof data), ==, sizeof data);
    CHECK_INT(coil_stream_get_write_buffer_size(ends[CLIENT].stream), >, 5000);
    CHECK_INT(coil_stream_read_exactly(ends[SERVER].stream, got, sizeof got, NULL), ==, sizeof got);
    CHECK_MEM(got, data, sizeof data);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* Plain text first, then TLS on the same stream: what stands in it unread belongs to TLS. */
TASK_TEST(tls_start_after_a_greeting)
{
    struct coil_stream *lower[2];
    struct cast cast;
    struct end ends[2];
    char line[64];

    make_cast(&cast);
    open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
    lower[CLIENT] = ends[CLIENT].lower;
    lower[SERVER] = ends[SERVER].lower;
    CHECK_INT(coil_stream_write(lower[CLIENT], "STARTTLS\r\n", 10), ==, 10);
    CHECK_INT(coil_stream_read_line(lower[SERVER], line, sizeof line), ==, 10);
    CHECK_INT(coil_stream_write(lower[SERVER], "220 go ahead\r\n", 14), ==, 14);
    /* The client goes on at once: its hello comes with the line that ends the plain text. */
    CHECK_INT(coil_stream_read_line(lower[CLIENT], line, sizeof line), ==, 14);
    CHECK_STR(line, "220 go ahead\r\n");
    CHECK_INT(coil_stream_write(lower[CLIENT], "OK\r\n", 4), ==, 4);
    {
        struct coil_task *task = coil_create_task(run_end, &ends[CLIENT]);

        yield_times(3); /* the hello stands behind the line */
        CHECK_INT(coil_stream_read_line(lower[SERVER], line, sizeof line), ==, 4);
        run_end(&ends[SERVER]);
        CHECK_OK(coil_await(task));
    }
    CHECK_MSG(ends[CLIENT].rc == 0 && ends[SERVER].rc == 0, "%s", ends[CLIENT].failure.text);
    check_talk(ends[CLIENT].stream, ends[SERVER].stream);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}
