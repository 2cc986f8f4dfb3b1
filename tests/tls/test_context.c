/* Contexts: what they are made of, from files and memory, and what is refused (E15). */
#include "fault.h"
#include "tls_pair.h"

/* Nothing is to come of it. */
static void refuse(const struct coil_tls_context_options *options, int error, const char *piece)
{
    struct coil_tls_context_options own = *options;
    struct coil_tls_context *context = NULL;
    struct coil_tls_failure failure = {.error = 1};

    own.ret_failure = &failure;
    CHECK_ERR(coil_tls_context_new(&own, &context), error);
    CHECK_PTR(context, ==, NULL);
    CHECK_INT(failure.error, ==, error);
    CHECK_CONTAINS(failure.text, piece);
    CHECK_ERR(coil_tls_context_new(options, &context), error); /* and without the sentence */
    CHECK_INT(ERR_peek_error(), ==, 0);
}

COIL_TEST(context_defaults_and_owners)
{
    struct coil_tls_context *context = NULL;

    CHECK_ERR(coil_tls_context_new(NULL, NULL), -EINVAL);
    CHECK_OK(coil_tls_context_new(NULL, &context));
    CHECK(coil_tls_context_hold(context) == context);
    CHECK(coil_tls_context_hold(NULL) == NULL);
    coil_tls_context_free(context);
    coil_tls_context_free(context);
    coil_tls_context_free(NULL);
}

COIL_TEST(context_refuses_bad_values)
{
    static const char *const empty[] = {NULL};
    static const char *const blank[] = {"h2", "", NULL};
    struct coil_tls_name name = {"x", NULL};
    struct cast cast;

    make_cast(&cast);
    refuse(&(struct coil_tls_context_options){.is_server = true}, -EINVAL, "no certificate");
    refuse(&(struct coil_tls_context_options){.key = cast.client.key_pem}, -EINVAL,
           "no certificate");
    refuse(&(struct coil_tls_context_options){.min_version = COIL_TLS_1_3,
                                              .max_version = COIL_TLS_1_2},
           -EINVAL, "version");
    refuse(&(struct coil_tls_context_options){.min_version = 0x0301}, -EINVAL, "version");
    refuse(&(struct coil_tls_context_options){.verify = (enum coil_tls_verify)7}, -EINVAL, "");
    refuse(&(struct coil_tls_context_options){.alpn = empty}, -EINVAL, "");
    refuse(&(struct coil_tls_context_options){.alpn = blank}, -EINVAL, "");
    refuse(&(struct coil_tls_context_options){.ciphers = "NONSENSE"}, -COIL_ETLSCONFIG,
           "the ciphers of TLS 1.2");
    refuse(&(struct coil_tls_context_options){.ciphersuites = "NONSENSE"}, -COIL_ETLSCONFIG,
           "the ciphers of TLS 1.3");
    refuse(&(struct coil_tls_context_options){.names = &name, .name_count = 1}, -EINVAL, "");
    refuse(&(struct coil_tls_context_options){.is_server = true,
                                              .certificate = cast.server.certificate_pem,
                                              .key = cast.server.key_pem,
                                              .names = &name,
                                              .name_count = 1},
           -EINVAL, "");
    refuse(&(struct coil_tls_context_options){.is_server = true,
                                              .certificate = cast.server.certificate_pem,
                                              .key = cast.server.key_pem,
                                              .verify = COIL_TLS_VERIFY_OPTIONAL},
           -EINVAL, "no authority is given");
    free_cast(&cast);
}

COIL_TEST(context_refuses_bad_certificates)
{
    static const char *const garbage = "-----BEGIN CERTIFICATE-----\nnonsense\n";
    struct coil_tls_context_options options = {.is_server = true};
    char cut[2 * PEM_SIZE];
    struct cast cast;

    make_cast(&cast);
    options.certificate = cast.server.certificate_pem;
    options.key = cast.client.key_pem; /* another one's */
    refuse(&options, -COIL_ETLSCONFIG, "the key: key values mismatch");
    options.key = NULL; /* it is not in the certificate's text either */
    refuse(&options, -COIL_ETLSCONFIG, "the certificate: ");
    options.key = cast.server.key_pem;
    options.certificate = garbage;
    refuse(&options, -COIL_ETLSCONFIG, "the certificate: ");
    options.certificate = "";
    refuse(&options, -COIL_ETLSCONFIG, "the certificate: ");
    snprintf(cut, sizeof cut, "%s-----BEGIN CERTIFICATE-----\nAAAA", cast.server.certificate_pem);
    options.certificate = cut; /* a chain whose second one is broken */
    refuse(&options, -COIL_ETLSCONFIG, "the certificate: ");
    options.certificate = cast.server.certificate_pem;
    options.certificate_size = 100;
    refuse(&options, -COIL_ETLSCONFIG, "the certificate: ");
    refuse(&(struct coil_tls_context_options){.ca = garbage}, -COIL_ETLSCONFIG, "the authorities");
    refuse(&(struct coil_tls_context_options){.ca = ""}, -COIL_ETLSCONFIG, "the authorities");
    free_cast(&cast);
}

COIL_TEST(context_refuses_bad_files)
{
    struct coil_tls_context_options options = {.is_server = true};
    char missing[256], garbage[256];
    struct cast cast;

    make_cast(&cast);
    test_temp_path(missing, sizeof missing, "missing.pem");
    test_temp_path(garbage, sizeof garbage, "garbage.pem");
    write_text(garbage, "This is not PEM.\n");
    options.certificate_file = missing;
    refuse(&options, -ENOENT, "missing.pem: No such file or directory");
    options.certificate_file = garbage;
    refuse(&options, -COIL_ETLSCONFIG, "garbage.pem: ");
    options.certificate_file = NULL;
    options.certificate = cast.server.certificate_pem;
    options.key_file = missing;
    refuse(&options, -ENOENT, "missing.pem: No such file or directory");
    refuse(&(struct coil_tls_context_options){.ca_file = missing}, -ENOENT, "missing.pem");
    refuse(&(struct coil_tls_context_options){.ca_file = garbage}, -COIL_ETLSCONFIG, "garbage");
    refuse(&(struct coil_tls_context_options){.crl_file = missing}, -ENOENT, "missing.pem");
    refuse(&(struct coil_tls_context_options){.crl_file = garbage}, -COIL_ETLSCONFIG, "garbage");
    free_cast(&cast);
}

static void write_encrypted_key(const struct identity *identity, const char *path)
{
    FILE *file = fopen(path, "w");

    CHECK(file && PEM_write_PKCS8PrivateKey(file, identity->key, EVP_aes_128_cbc(), "open sesame",
                                            11, NULL, NULL) > 0);
    fclose(file);
}

/* Everything from files; the key in one of its own, in the same one, and encrypted. */
TASK_TEST(context_from_files)
{
    char both[3 * PEM_SIZE], certificate[256], key[256], together[256], locked[256], ca[256];
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    test_temp_path(certificate, sizeof certificate, "certificate.pem");
    test_temp_path(key, sizeof key, "key.pem");
    test_temp_path(together, sizeof together, "both.pem");
    test_temp_path(locked, sizeof locked, "locked.pem");
    test_temp_path(ca, sizeof ca, "ca.pem");
    snprintf(both, sizeof both, "%s%s%s", cast.server.key_pem, cast.server.certificate_pem,
             cast.authority.certificate_pem);
    write_text(certificate, cast.server.certificate_pem);
    write_text(key, cast.server.key_pem);
    write_text(together, both);
    write_text(ca, cast.authority.certificate_pem);
    write_encrypted_key(&cast.server, locked);
    for (int i = 0; i < 3; i++) {
        struct coil_tls_context_options server = {.is_server = true};

        server.certificate_file = i == 1 ? together : certificate;
        server.key_file = i == 0 ? key : i == 1 ? NULL : locked;
        server.key_password = i == 2 ? "open sesame" : NULL;
        open_ends(client_context(&cast, &(struct coil_tls_context_options){.ca_file = ca}),
                  make_context(&server), ends);
        meet(ends);
        CHECK_MSG(ends[CLIENT].rc == 0, "%d: %s", i, ends[CLIENT].failure.text);
        close_pair(ends);
    }
    for (int i = 0; i < 2; i++) { /* nobody asks at the terminal */
        refuse(&(struct coil_tls_context_options){.is_server = true,
                                                  .certificate_file = certificate,
                                                  .key_file = locked,
                                                  .key_password = i ? "wrong" : NULL},
               -COIL_ETLSCONFIG, "locked.pem: ");
    }
    free_cast(&cast);
    return 0;
}

/* A folder of authorities, as c_rehash makes it. */
TASK_TEST(context_from_a_folder)
{
    char name[32], path[256];
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(cast.authority.certificate));
    test_temp_path(path, sizeof path, name);
    write_text(path, cast.authority.certificate_pem);
    open_pair(&cast, &(struct coil_tls_context_options){.ca_dir = test_temp_dir()}, NULL, ends);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* Two authorities in one text, and ciphers by name. */
TASK_TEST(context_with_ciphers)
{
    struct coil_tls_context_options client = {
        .ciphersuites = "TLS_CHACHA20_POLY1305_SHA256",
        .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
    };
    char two[2 * PEM_SIZE];
    struct coil_tls_info info;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    snprintf(two, sizeof two, "%s%s", cast.client.certificate_pem, cast.authority.certificate_pem);
    client.ca = two;
    open_pair(&cast, &client, NULL, ends);
    CHECK_OK(coil_tls_get_info(ends[SERVER].stream, &info));
    CHECK_STR(info.cipher, "TLS_CHACHA20_POLY1305_SHA256");
    close_pair(ends);
    client.max_version = COIL_TLS_1_2;
    open_pair(&cast, &client, NULL, ends);
    CHECK_OK(coil_tls_get_info(ends[SERVER].stream, &info));
    CHECK_STR(info.cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    CHECK_INT(info.cipher_bits, ==, 128);
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* Versions that do not overlap. */
TASK_TEST(context_versions_that_do_not_meet)
{
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_ends(
        client_context(&cast, &(struct coil_tls_context_options){.max_version = COIL_TLS_1_2}),
        server_context(&cast, &(struct coil_tls_context_options){.min_version = COIL_TLS_1_3}),
        ends);
    meet(ends);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSPROTOCOL);
    CHECK_CONTAINS(ends[SERVER].failure.text, "unsupported protocol");
    CHECK_ERR(ends[CLIENT].rc, -COIL_ETLSALERT);
    CHECK_CONTAINS(ends[CLIENT].failure.text, "protocol version");
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

static int use_context(void *arg)
{
    for (int i = 0; i < 100; i++) {
        coil_tls_context_free(coil_tls_context_hold(arg));
    }
    return 0;
}

/* Made in one thread, held and given up in others. */
TASK_TEST(context_in_other_threads)
{
    struct cast cast;
    struct coil_tls_context *context;
    struct coil_task *task;

    make_cast(&cast);
    context = server_context(&cast, NULL);
    task = coil_create_task(use_context, context);
    CHECK_OK(coil_to_thread(use_context, context));
    CHECK_OK(coil_await(task));
    coil_tls_context_free(context);
    free_cast(&cast);
    return 0;
}

/* Each allocation of ours fails once. */
COIL_TEST(context_without_memory)
{
    static const char *const alpn[] = {"h2", NULL};
    struct coil_tls_context *other, *context = NULL;
    struct coil_tls_name name = {"www", NULL};
    struct cast cast;
    int rc = -ENOMEM;

    make_cast(&cast);
    other = server_context(&cast, NULL);
    name.context = other;
    for (uint64_t n = 1; rc == -ENOMEM && n < 100; n++) {
        struct coil_tls_context_options options = {.is_server = true,
                                                   .certificate = cast.server.certificate_pem,
                                                   .key = cast.server.key_pem,
                                                   .names = &name,
                                                   .name_count = 1,
                                                   .alpn = alpn};

        fault_alloc_at(n);
        rc = coil_tls_context_new(&options, &context);
        CHECK(rc == 0 || rc == -ENOMEM);
        CHECK((rc < 0) == fault_was_injected());
        fault_off();
    }
    CHECK_OK(rc);
    coil_tls_context_free(context);
    coil_tls_context_free(other);
    free_cast(&cast);
}
