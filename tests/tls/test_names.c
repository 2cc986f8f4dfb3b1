/* What a hello asks for: protocols (ALPN) and server names (SNI) (E15). */
#include "tls_pair.h"

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* --- ALPN --- */

static void check_alpn(struct end ends[2], const char *expected)
{
    struct coil_tls_info info;

    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_tls_get_info(ends[i].stream, &info));
        CHECK_STR(info.alpn, expected);
    }
    close_pair(ends);
}

TASK_TEST(alpn_chooses_what_the_server_likes_best)
{
    struct coil_tls_context_options both = {.alpn = LIST("h2", "http/1.1")};
    struct coil_tls_context_options turned = {.alpn = LIST("http/1.1", "h2")};
    struct coil_tls_context_options one = {.alpn = LIST("http/1.1")};
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_pair(&cast, &both, &turned, ends);
    check_alpn(ends, "http/1.1");
    open_pair(&cast, &turned, &both, ends);
    check_alpn(ends, "h2");
    open_pair(&cast, &one, &both, ends);
    check_alpn(ends, "http/1.1");
    open_pair(&cast, NULL, &both, ends);
    check_alpn(ends, "");
    open_pair(&cast, &both, NULL, ends);
    check_alpn(ends, "");
    free_cast(&cast);
    return 0;
}

TASK_TEST(alpn_with_nothing_in_common_is_refused)
{
    struct coil_tls_context_options smtp = {.alpn = LIST("smtp")};
    struct coil_tls_context_options http = {.alpn = LIST("http/1.1")};
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    open_ends(client_context(&cast, &smtp), server_context(&cast, &http), ends);
    meet(ends);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSPROTOCOL);
    CHECK_STR(ends[SERVER].failure.text, "no common application protocol (ALPN)");
    CHECK_ERR(ends[CLIENT].rc, -COIL_ETLSALERT);
    CHECK_CONTAINS(ends[CLIENT].failure.text, "no application protocol");
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

/* --- SNI --- */

static void check_who_answers(const struct cast *cast, struct coil_tls_context *server,
                              const char *name, const char *common_name)
{
    struct coil_tls_certificate *certificate = NULL;
    struct coil_tls_info info;
    struct end ends[2];

    open_ends(client_context(cast, NULL), coil_tls_context_hold(server), ends);
    ends[CLIENT].options.server_name = name;
    ends[CLIENT].options.no_name_check = true;
    meet(ends);
    CHECK_MSG(ends[CLIENT].rc == 0, "%s: %s", name, ends[CLIENT].failure.text);
    CHECK_OK(coil_tls_get_certificate(ends[CLIENT].stream, &certificate));
    if (certificate) {
        CHECK_STR(certificate->common_name, common_name);
    }
    coil_tls_certificate_free(certificate);
    CHECK_OK(coil_tls_get_info(ends[SERVER].stream, &info));
    CHECK_STR(info.server_name, strcmp(name, "127.0.0.1") == 0 ? "" : name);
    close_pair(ends);
}

static struct coil_tls_context *context_named(const struct cast *cast, const char *common_name,
                                              const struct coil_tls_context_options *more)
{
    struct coil_tls_context_options options = {0};
    struct coil_tls_context *context;
    struct identity identity;

    options = more ? *more : options;
    make_identity(&(struct recipe){.common_name = common_name, .issuer = &cast->authority},
                  &identity);
    options.certificate = identity.certificate_pem;
    options.key = identity.key_pem;
    context = server_context(cast, &options);
    free_identity(&identity);
    return context;
}

TASK_TEST(sni_chooses_the_certificate)
{
    struct coil_tls_context *server;
    struct coil_tls_name names[3];
    struct cast cast;

    make_cast(&cast);
    names[0] = (struct coil_tls_name){"*.example.org", context_named(&cast, "any", NULL)};
    names[1] = (struct coil_tls_name){"www.example.org", context_named(&cast, "www", NULL)};
    names[2] = (struct coil_tls_name){"example.net", context_named(&cast, "net", NULL)};
    server =
        server_context(&cast, &(struct coil_tls_context_options){.names = names, .name_count = 3});
    for (int i = 0; i < 3; i++) {
        coil_tls_context_free(names[i].context); /* they are held by the server's */
    }
    check_who_answers(&cast, server, "www.example.org", "www");
    check_who_answers(&cast, server, "WWW.Example.ORG", "www");
    check_who_answers(&cast, server, "ftp.example.org", "any");
    check_who_answers(&cast, server, "a.b.example.org", "localhost");
    check_who_answers(&cast, server, "example.org", "localhost");
    check_who_answers(&cast, server, "example.net", "net");
    check_who_answers(&cast, server, "elsewhere.com", "localhost");
    check_who_answers(&cast, server, "127.0.0.1", "localhost");
    coil_tls_context_free(server);
    free_cast(&cast);
    return 0;
}

/* Another name has rules of its own: here it wants a client's certificate. */
TASK_TEST(sni_brings_its_rules)
{
    struct coil_tls_context_options strict = {.verify = COIL_TLS_VERIFY_REQUIRED,
                                              .alpn = LIST("secret")};
    struct coil_tls_name name;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    name = (struct coil_tls_name){"vault", context_named(&cast, "vault", &strict)};
    open_ends(
        client_context(&cast, &(struct coil_tls_context_options){.alpn = LIST("secret")}),
        server_context(&cast, &(struct coil_tls_context_options){.names = &name, .name_count = 1}),
        ends);
    coil_tls_context_free(name.context);
    ends[CLIENT].options.server_name = "vault";
    ends[CLIENT].options.no_name_check = true;
    meet(ends);
    CHECK_ERR(ends[SERVER].rc, -COIL_ETLSNOCERT);
    if (ends[CLIENT].stream) {
        struct coil_tls_info info;

        CHECK_OK(coil_tls_get_info(ends[CLIENT].stream, &info));
        CHECK_STR(info.alpn, "secret");
        coil_stream_abort(ends[CLIENT].stream);
    }
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}
