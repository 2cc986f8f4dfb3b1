/* Certificates that are not good, on either side, and the sentences about them (E15). */
#include "tls_pair.h"

/* --- the server's certificate --- */

/* A handshake with a server whose certificate comes from this recipe. Checks the client's error,
 * what the sentence says, and that the server hears of it too. */
static void refuse(const struct cast *cast, const struct recipe *recipe, const char *expected_name,
                   int error, const char *piece)
{
    struct identity server;
    struct end ends[2];

    make_identity(recipe, &server);
    open_ends(client_context(cast, NULL),
              server_context(
                  cast, &(struct coil_tls_context_options){.certificate = server.certificate_pem,
                                                           .key = server.key_pem}),
              ends);
    ends[CLIENT].options.server_name = expected_name;
    meet(ends);
    CHECK_ERR(ends[CLIENT].rc, error);
    CHECK_ERR(ends[CLIENT].failure.error, error);
    CHECK_CONTAINS(ends[CLIENT].failure.text, piece);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSALERT);
    CHECK_CONTAINS(ends[SERVER].failure.text, "the peer has refused: alert");
    free_contexts(ends);
    free_identity(&server);
}

TASK_TEST(verify_refuses_what_has_expired)
{
    struct cast cast;

    make_cast(&cast);
    refuse(&cast,
           &(struct recipe){.common_name = "old",
                            .names = "DNS:localhost",
                            .issuer = &cast.authority,
                            .not_before = -30,
                            .not_after = -10},
           "localhost", -COIL_ETLSEXPIRED,
           "the certificate of localhost (CN=old; issuer CN=Test Authority) expired on 20");
    refuse(&cast,
           &(struct recipe){.common_name = "new",
                            .names = "DNS:localhost",
                            .issuer = &cast.authority,
                            .not_before = 10,
                            .not_after = 20},
           "localhost", -COIL_ETLSNOTYET, "is not valid before 20");
    free_cast(&cast);
    return 0;
}

TASK_TEST(verify_refuses_another_host)
{
    static const char *const names[] = {"example.org", "127.0.0.2", "a.b.example.net",
                                        "example.net", "localhost.evil.org"};
    struct cast cast;

    make_cast(&cast);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        refuse(&cast,
               &(struct recipe){.common_name = "localhost",
                                .names = "DNS:localhost,DNS:*.example.net,IP:127.0.0.1",
                                .issuer = &cast.authority},
               names[i], -COIL_ETLSHOSTNAME,
               "is not for that host, but for DNS:localhost, DNS:*.example.net, IP:127.0.0.1");
    }
    free_cast(&cast);
    return 0;
}

TASK_TEST(verify_refuses_strangers)
{
    struct identity other;
    struct cast cast;

    make_cast(&cast);
    make_identity(&(struct recipe){.common_name = "Other Authority", .is_authority = true}, &other);
    refuse(&cast, &(struct recipe){.common_name = "localhost", .names = "DNS:localhost"},
           "localhost", -COIL_ETLSUNTRUSTED, "is self-signed, and not one that is trusted");
    refuse(&cast,
           &(struct recipe){.common_name = "localhost", .names = "DNS:localhost", .issuer = &other},
           "localhost", -COIL_ETLSUNTRUSTED, "comes from an authority that is not trusted");
    free_identity(&other);
    free_cast(&cast);
    return 0;
}

/* The system's authorities have not signed it. */
TASK_TEST(verify_by_the_system)
{
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_ends(make_context(&(struct coil_tls_context_options){0}), server_context(&cast, NULL),
              ends);
    meet(ends);
    CHECK_ERR(ends[CLIENT].rc, -COIL_ETLSUNTRUSTED);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSALERT);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

TASK_TEST(verify_accepts_each_good_name)
{
    static const char *const names[] = {"localhost", "LocalHost", "localhost.", "127.0.0.1", "::1"};
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
        ends[CLIENT].options.server_name = names[i];
        meet(ends);
        CHECK_MSG(ends[CLIENT].rc == 0, "%s: %s", names[i], ends[CLIENT].failure.text);
        CHECK_OK(ends[SERVER].rc);
        close_pair(ends);
    }
    free_cast(&cast);
    return 0;
}

/* A self-signed certificate that is given as trusted. */
TASK_TEST(verify_accepts_what_is_pinned)
{
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_pair(&cast, &(struct coil_tls_context_options){.ca = cast.server.certificate_pem}, NULL,
              ends);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* Nothing is checked, or not the name: the handshake succeeds, and says what it thinks. */
TASK_TEST(verify_switched_off)
{
    struct coil_tls_info info;
    struct identity other;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    make_identity(&(struct recipe){.common_name = "localhost"}, &other);
    for (int i = 0; i < 2; i++) {
        struct coil_tls_context_options client = {.verify = i == 0 ? COIL_TLS_VERIFY_NONE : 0};
        struct coil_tls_context_options server = {.certificate = other.certificate_pem,
                                                  .key = other.key_pem};

        open_ends(client_context(&cast, &client), server_context(&cast, i == 0 ? &server : NULL),
                  ends);
        ends[CLIENT].options.server_name = i == 0 ? NULL : "example.org";
        ends[CLIENT].options.no_name_check = i == 1;
        meet(ends);
        CHECK_MSG(ends[CLIENT].rc == 0, "%s", ends[CLIENT].failure.text);
        CHECK_OK(coil_tls_get_info(ends[CLIENT].stream, &info));
        if (i == 0) {
            CHECK_CONTAINS(info.verify_error, "is self-signed");
        } else {
            CHECK_STR(info.verify_error, "");
        }
        close_pair(ends);
    }
    free_identity(&other);
    free_cast(&cast);
    return 0;
}

/* Who is to be checked must be known. The stream is used up. */
TASK_TEST(verify_needs_a_name)
{
    struct cast cast;
    struct end ends[2];
    char byte;

    make_cast(&cast);
    open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
    ends[CLIENT].options.server_name = NULL;
    run_end(&ends[CLIENT]);
    CHECK_ERR(ends[CLIENT].rc, -EINVAL);
    CHECK_STR(ends[CLIENT].failure.text, "no server name is given to be checked");
    CHECK_ERR(coil_stream_read(ends[CLIENT].lower, &byte, 1), -COIL_ECLOSED);
    run_end(&ends[SERVER]);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSTRUNCATED);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

/* Longer than any name of a host; an address that belongs to an interface, as no certificate's. */
TASK_TEST(verify_refuses_names_that_no_certificate_has)
{
    char name[300];
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (int i = 0; i < 2; i++) {
        memset(name, 'a', sizeof name);
        snprintf(name + (i == 0 ? 256 : 0), 12, "%s", i == 0 ? "" : "fe80::1%1");
        open_ends(client_context(&cast, NULL), server_context(&cast, NULL), ends);
        ends[CLIENT].options.server_name = name;
        run_end(&ends[CLIENT]);
        CHECK_ERR(ends[CLIENT].rc, -EINVAL);
        CHECK_ERR(ends[CLIENT].failure.error, -EINVAL);
        coil_stream_abort(ends[SERVER].lower);
        free_contexts(ends);
    }
    free_cast(&cast);
    return 0;
}

/* --- revoked --- */

static void make_crl(const struct cast *cast, const char *path)
{
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -DAY), *next = X509_gmtime_adj(NULL, 30 * DAY);
    FILE *file = fopen(path, "w");

    CHECK(crl && revoked && now && next && file);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(cast->authority.certificate));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, next);
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cast->server.certificate));
    X509_REVOKED_set_revocationDate(revoked, now);
    CHECK(X509_CRL_add0_revoked(crl, revoked) > 0);
    CHECK(X509_CRL_sign(crl, cast->authority.key, EVP_sha256()) > 0);
    PEM_write_X509_CRL(file, crl);
    fclose(file);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
}

TASK_TEST(verify_refuses_what_was_revoked)
{
    struct cast cast;
    struct end ends[2];
    char path[256];

    make_cast(&cast);
    test_temp_path(path, sizeof path, "crl.pem");
    make_crl(&cast, path);
    open_ends(client_context(&cast, &(struct coil_tls_context_options){.crl_file = path}),
              server_context(&cast, NULL), ends);
    meet(ends);
    CHECK_ERR(ends[CLIENT].rc, -COIL_ETLSREVOKED);
    CHECK_CONTAINS(ends[CLIENT].failure.text, "was revoked");
    free_contexts(ends);
    open_pair(&cast, NULL, NULL, ends); /* without the list it is as good as any */
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* --- the client's certificate --- */

static void ask_for_certificate(const struct cast *cast, enum coil_tls_verify verify,
                                enum coil_tls_version version, const struct identity *client,
                                struct end ends[2])
{
    struct coil_tls_context_options mine = {.max_version = version};

    if (client) {
        mine.certificate = client->certificate_pem;
        mine.key = client->key_pem;
    }
    open_ends(client_context(cast, &mine),
              server_context(cast, &(struct coil_tls_context_options){.verify = verify}), ends);
    meet(ends);
}

/* Under TLS 1.3 the client is done before the server has looked: it hears of it when it reads. */
static void check_client_refused(struct end ends[2], int error, const char *piece)
{
    char byte;

    CHECK_ERR(ends[SERVER].rc, error);
    CHECK_CONTAINS(ends[SERVER].failure.text, piece);
    if (ends[CLIENT].stream) {
        CHECK_ERR(coil_stream_read(ends[CLIENT].stream, &byte, 1), -COIL_ETLSALERT);
        CHECK_CONTAINS(coil_tls_error_text(ends[CLIENT].stream), "the peer has refused");
        CHECK_ERR(coil_stream_write(ends[CLIENT].stream, "x", 1), -COIL_ETLSALERT);
        CHECK_ERR(coil_stream_close(ends[CLIENT].stream), -COIL_ETLSALERT); /* as its write */
    } else {
        CHECK_ERR(ends[CLIENT].rc, -COIL_ETLSALERT);
    }
    free_contexts(ends);
}

TASK_TEST(verify_clients)
{
    static const enum coil_tls_version versions[] = {COIL_TLS_1_2, COIL_TLS_1_3};
    struct coil_tls_certificate *certificate = NULL;
    struct identity stranger;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    make_identity(&(struct recipe){.common_name = "mallory"}, &stranger);
    for (int i = 0; i < 2; i++) {
        ask_for_certificate(&cast, COIL_TLS_VERIFY_REQUIRED, versions[i], &cast.client, ends);
        CHECK_OK(ends[CLIENT].rc);
        CHECK_OK(coil_tls_get_certificate(ends[SERVER].stream, &certificate));
        if (certificate) {
            CHECK_STR(certificate->common_name, "alice");
            CHECK_INT(certificate->name_count, ==, 0);
        }
        coil_tls_certificate_free(certificate);
        certificate = NULL;
        check_talk(ends[CLIENT].stream, ends[SERVER].stream);
        close_pair(ends);
        ask_for_certificate(&cast, COIL_TLS_VERIFY_REQUIRED, versions[i], NULL, ends);
        check_client_refused(ends, -COIL_ETLSNOCERT, "the client has shown no certificate");
        ask_for_certificate(&cast, COIL_TLS_VERIFY_REQUIRED, versions[i], &stranger, ends);
        check_client_refused(ends, -COIL_ETLSUNTRUSTED, "(CN=mallory; issuer CN=mallory)");
        ask_for_certificate(&cast, COIL_TLS_VERIFY_OPTIONAL, versions[i], &stranger, ends);
        check_client_refused(ends, -COIL_ETLSUNTRUSTED, "of the peer");
        ask_for_certificate(&cast, COIL_TLS_VERIFY_OPTIONAL, versions[i], NULL, ends);
        CHECK_OK(ends[CLIENT].rc);
        CHECK_ERR(coil_tls_get_certificate(ends[SERVER].stream, &certificate), -COIL_ETLSNOCERT);
        close_pair(ends);
    }
    free_identity(&stranger);
    free_cast(&cast);
    return 0;
}
