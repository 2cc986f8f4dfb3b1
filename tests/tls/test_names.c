/* What a hello asks for: protocols (ALPN) and server names (SNI) (E15). */
#include "raw_peer.h"

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

static void check_rules(const struct cast *cast, const struct coil_tls_context_options *base,
                        const struct coil_tls_context_options *other,
                        const struct coil_tls_context_options *client, const char *cipher)
{
    struct coil_tls_name name = {"vault", context_named(cast, "vault", other)};
    struct coil_tls_context_options options = *base;
    struct coil_tls_info info;
    struct end ends[2];

    options.names = &name;
    options.name_count = 1;
    open_ends(client_context(cast, client), server_context(cast, &options), ends);
    coil_tls_context_free(name.context);
    ends[CLIENT].options.server_name = "vault";
    ends[CLIENT].options.no_name_check = true;
    meet(ends);
    CHECK_ERR(ends[SERVER].rc, cipher ? 0 : -COIL_ETLSPROTOCOL);
    CHECK_ERR(ends[CLIENT].rc, cipher ? 0 : -COIL_ETLSALERT);
    if (ends[SERVER].stream && ends[CLIENT].stream) {
        CHECK_OK(coil_tls_get_info(ends[SERVER].stream, &info));
        CHECK_CONTAINS(info.cipher, cipher);
        CHECK_STR(info.alpn, "");
        CHECK(!other->max_version || info.version == other->max_version);
        check_talk(ends[CLIENT].stream, ends[SERVER].stream);
        close_ends(ends);
    }
    free_contexts(ends);
}

/* Versions, ciphers and protocols: those of the name's context count, and no others. */
TASK_TEST(sni_brings_its_versions_and_ciphers)
{
    const struct coil_tls_context_options usual = {.is_server = false};
    const struct coil_tls_context_options old = {.max_version = COIL_TLS_1_2};
    const struct coil_tls_context_options fresh = {.min_version = COIL_TLS_1_3,
                                                   .max_version = COIL_TLS_1_3};
    const struct coil_tls_context_options chacha = {.max_version = COIL_TLS_1_2,
                                                    .ciphers = "ECDHE+CHACHA20"};
    const struct coil_tls_context_options small = {.ciphersuites = "TLS_AES_128_GCM_SHA256"};
    const struct coil_tls_context_options chacha3 = {.ciphersuites =
                                                         "TLS_CHACHA20_POLY1305_SHA256"};
    const struct coil_tls_context_options picky = {.alpn = LIST("secret")};
    const struct coil_tls_context_options asks = {.alpn = LIST("h2")};
    struct cast cast;

    make_cast(&cast);
    check_rules(&cast, &usual, &old, &usual, "GCM");
    check_rules(&cast, &old, &fresh, &usual, "TLS_AES_256_GCM_SHA384");
    check_rules(&cast, &usual, &fresh, &old, NULL);
    check_rules(&cast, &fresh, &old, &fresh, NULL);
    check_rules(&cast, &usual, &chacha, &usual, "CHACHA20");
    check_rules(&cast, &chacha, &old, &usual, "AES");
    check_rules(&cast, &small, &chacha3, &usual, "TLS_CHACHA20_POLY1305_SHA256");
    check_rules(&cast, &small, &usual, &usual, "TLS_AES_256_GCM_SHA384");
    check_rules(&cast, &usual, &chacha3, &small, NULL);
    check_rules(&cast, &picky, &usual, &asks, "TLS_AES_256_GCM_SHA384");
    free_cast(&cast);
    return 0;
}

/* --- sessions between names --- */

/* A raw client's visit; its certificate and session may be NULL. */
struct visit {
    struct coil_tls_context *server;
    const struct identity *identity;
    int version;
    int rc; /* the server's */
    bool is_resumed;
    bool has_certificate;
};

static int greet(void *arg)
{
    struct end *end = arg;

    run_end(end);
    return end->stream ? (int)coil_stream_write(end->stream, "hello", 5) : 0;
}

/* Returns the session that it may be resumed by, if it was let in. */
static SSL_SESSION *visit(struct visit *visit, const char *name, SSL_SESSION *session)
{
    struct coil_tls_info info = {0};
    SSL_SESSION *fresh = NULL;
    struct coil_stream *lower[2];
    struct coil_task *task;
    struct raw raw;
    struct end end;
    char buf[8];

    open_streams(NULL, lower);
    raw_init(&raw, lower[1], false, visit->identity);
    CHECK(SSL_set_max_proto_version(raw.ssl, visit->version) > 0);
    CHECK(SSL_set_tlsext_host_name(raw.ssl, name) > 0);
    CHECK(!session || SSL_set_session(raw.ssl, session) > 0);
    end = (struct end){.lower = lower[0], .context = visit->server};
    task = coil_create_task(greet, &end);
    if (raw_handshake(&raw) == 1 && raw_read(&raw, buf, sizeof buf) == 5) {
        fresh = SSL_get1_session(raw.ssl); /* the tickets of TLS 1.3 came before */
    } else {
        coil_stream_abort(raw.stream);
    }
    CHECK_OK(coil_await(task));
    visit->rc = end.rc;
    if (end.stream) {
        CHECK_OK(coil_tls_get_info(end.stream, &info));
        CHECK_STR(info.server_name, name);
    }
    visit->is_resumed = info.is_resumed;
    visit->has_certificate = info.has_certificate;
    coil_stream_abort(end.stream);
    coil_stream_abort(raw.stream);
    SSL_set_shutdown(raw.ssl, SSL_SENT_SHUTDOWN); /* or it takes the session for a bad one */
    raw_deinit(&raw);
    return fresh;
}

/* Who was let in by one name is not let in by another one, which has other rules, for that. */
TASK_TEST(sni_sessions_stay_with_their_rules)
{
    struct coil_tls_context_options strict = {.verify = COIL_TLS_VERIFY_REQUIRED};
    struct coil_tls_name name;
    struct visit v = {0};
    struct cast cast;

    make_cast(&cast);
    name = (struct coil_tls_name){"vault", context_named(&cast, "vault", &strict)};
    v.server =
        server_context(&cast, &(struct coil_tls_context_options){.names = &name, .name_count = 1});
    coil_tls_context_free(name.context);
    for (v.version = COIL_TLS_1_2; v.version <= COIL_TLS_1_3; v.version++) {
        SSL_SESSION *open, *vault;

        v.identity = NULL;
        open = visit(&v, "lobby", NULL);
        CHECK(v.rc == 0 && open && !v.is_resumed);
        SSL_SESSION_free(visit(&v, "lobby", open));
        CHECK(v.rc == 0 && v.is_resumed);
        SSL_SESSION_free(visit(&v, "vault", open));
        CHECK_ERR(v.rc, -COIL_ETLSNOCERT);
        v.identity = &cast.client;
        vault = visit(&v, "vault", open);
        CHECK(v.rc == 0 && vault && !v.is_resumed && v.has_certificate);
        SSL_SESSION_free(visit(&v, "vault", vault));
        CHECK(v.rc == 0 && v.is_resumed && v.has_certificate);
        SSL_SESSION_free(open);
        SSL_SESSION_free(vault);
    }
    coil_tls_context_free(v.server);
    free_cast(&cast);
    return 0;
}

/* Whether sessions are resumed is the name's affair, too. */
TASK_TEST(sni_brings_its_resumption)
{
    struct coil_tls_context_options options = {.no_resumption = false};
    struct coil_tls_name name;
    struct visit v = {0};
    struct cast cast;

    make_cast(&cast);
    for (int i = 0; i < 2; i++) {
        options.no_resumption = i == 0;
        name = (struct coil_tls_name){"vault", context_named(&cast, "vault", &options)};
        v.server =
            server_context(&cast, &(struct coil_tls_context_options){
                                      .names = &name, .name_count = 1, .no_resumption = i == 1});
        coil_tls_context_free(name.context);
        for (v.version = COIL_TLS_1_2; v.version <= COIL_TLS_1_3; v.version++) {
            SSL_SESSION *vault = visit(&v, "vault", NULL);
            SSL_SESSION *lobby = visit(&v, "lobby", NULL);

            CHECK(v.rc == 0 && vault && lobby);
            SSL_SESSION_free(visit(&v, "vault", vault));
            CHECK_INT(v.is_resumed, ==, i == 1);
            SSL_SESSION_free(visit(&v, "lobby", lobby));
            CHECK_INT(v.is_resumed, ==, i == 0);
            SSL_SESSION_free(vault);
            SSL_SESSION_free(lobby);
        }
        coil_tls_context_free(v.server);
    }
    free_cast(&cast);
    return 0;
}
