/* tls_proxy.c - takes TLS off connections and hands them on to a server that knows none.
 *
 *     tls_proxy --listen 0.0.0.0:443 --cert chain.pem --key key.pem --backend 127.0.0.1:8080
 *
 *     --listen ADDRESS     also [::]:443; up to eight may be given
 *     --cert FILE          the certificate, then those that lead to its authority, in PEM
 *     --key FILE           its private key; without it, it is in the certificate's file
 *     --backend ADDRESS    the server behind; also unix:/path
 *     --alpn LIST          protocols that are offered, as in "h2,http/1.1"
 *     --client-ca FILE     clients must have a certificate of this authority
 *     --grace SECONDS      how long connections may go on after SIGTERM; 10
 *     --max N              connections at once; 10000
 *     --log                a line for each connection on standard output
 *
 * SIGHUP reads the certificate and the key anew: connections that are there keep the old ones, and
 * files that cannot be used change nothing. SIGTERM and SIGINT stop listening, give connections
 * their time of grace, and end those that are left. The end of one direction is handed on as such,
 * so that a client may send all it has, say so, and still get its answer.
 */
#include <coil.h>
#include <coil/tls.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LISTEN = 8, MAX_ALPN = 8, BUF_SIZE = 16 * 1024 };

/* How long the backend, or a client that says nothing in its handshake, is waited for. */
#define PATIENCE (10 * COIL_SEC)

struct proxy {
    const char *listen[MAX_LISTEN];
    size_t listen_count;
    const char *alpn[MAX_ALPN + 1];
    const char *certificate_file;
    const char *key_file;
    const char *ca_file;
    char *backend_host;
    uint16_t backend_port;
    long grace_s;
    size_t max_clients;
    bool is_logging;
    struct coil_tls_service service;
    struct coil_server *servers[MAX_LISTEN];
};

/* One direction of a connection. */
struct half {
    struct coil_stream *from;
    struct coil_stream *to;
    uint64_t bytes;
};

/* --- saying what happens --- */

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "tls_proxy: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}

static const char *text_of(const struct coil_address *address, char *buf, size_t size)
{
    return address->size > 0 && coil_address_format(address, buf, size) >= 0 ? buf : "?";
}

static void log_failure(const struct coil_address *peer, const struct coil_tls_failure *failure,
                        void *user)
{
    const struct proxy *proxy = user;
    char text[128];

    if (proxy->is_logging && failure->error != -ECANCELED) {
        printf("%s refused: %s\n", text_of(peer, text, sizeof text), failure->text);
    }
}

static void log_connection(const struct coil_stream *client, const struct coil_address *peer,
                           const struct half halves[2], int64_t start, int rc)
{
    struct coil_tls_info info = {.version_name = "", .cipher = "", .alpn = "", .server_name = ""};
    char text[128];

    coil_tls_get_info(client, &info);
    printf("%s %s %s alpn=%s name=%s%s up=%llu down=%llu %.3f s%s%s\n",
           text_of(peer, text, sizeof text), info.version_name, info.cipher,
           info.alpn[0] ? info.alpn : "-", info.server_name[0] ? info.server_name : "-",
           info.is_resumed ? " resumed" : "", (unsigned long long)halves[0].bytes,
           (unsigned long long)halves[1].bytes, (double)(coil_now() - start) / COIL_SEC,
           rc < 0 ? ": " : "", rc < 0 ? coil_strerror(rc) : "");
}

/* --- one connection --- */

/* Hands bytes on until the end, and then the end. */
static int pump(void *arg)
{
    struct half *half = arg;
    char buf[BUF_SIZE];
    ssize_t count;

    while ((count = coil_stream_read(half->from, buf, sizeof buf)) > 0) {
        ssize_t rc = coil_stream_write(half->to, buf, (size_t)count);

        if (rc < 0) {
            return (int)rc;
        }
        half->bytes += (uint64_t)rc;
    }
    return count < 0 ? (int)count : coil_stream_write_eof(half->to);
}

/* Both directions, each in a task; when one fails, the other one is cancelled. */
static int pump_both(struct half halves[2])
{
    struct coil_group group;

    coil_group_open(&group);
    coil_group_spawn(&group, pump, &halves[0]);
    coil_group_spawn(&group, pump, &halves[1]);
    return coil_group_close(&group);
}

static int connect_backend(const struct proxy *proxy, struct coil_stream **ret_stream)
{
    int rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = coil_open_connection(proxy->backend_host, proxy->backend_port, NULL, ret_stream);
    }
    return rc;
}

static int serve_client(struct coil_stream *client, void *user)
{
    struct proxy *proxy = user;
    struct half halves[2] = {{.from = client}, {.to = client}};
    struct coil_address peer = {.size = 0};
    struct coil_stream *backend = NULL;
    int64_t start = coil_now();
    int rc = connect_backend(proxy, &backend);

    if (coil_stream_get_peer(client, &peer) < 0) {
        peer.size = 0; /* it has vanished */
    }
    if (rc < 0) {
        complain("%s: %s", proxy->backend_host, coil_strerror(rc));
    } else {
        halves[0].to = backend;
        halves[1].from = backend;
        rc = pump_both(halves);
    }
    if (proxy->is_logging) {
        log_connection(client, &peer, halves, start, rc);
    }
    if (rc < 0) { /* the other side must not take it for an orderly end */
        coil_stream_abort(backend);
        coil_stream_abort(client);
        return 0;
    }
    coil_stream_close(backend);
    return 0; /* the client's stream is closed by coil_tls_client */
}

/* --- certificates --- */

static int load(struct proxy *proxy)
{
    struct coil_tls_failure failure;
    struct coil_tls_context *fresh = NULL;
    struct coil_tls_context_options options = {
        .is_server = true,
        .certificate_file = proxy->certificate_file,
        .key_file = proxy->key_file,
        .ca_file = proxy->ca_file,
        .verify = proxy->ca_file ? COIL_TLS_VERIFY_REQUIRED : COIL_TLS_VERIFY_DEFAULT,
        .alpn = proxy->alpn[0] ? proxy->alpn : NULL,
        .ret_failure = &failure,
    };
    int rc = coil_tls_context_new(&options, &fresh);

    if (rc < 0) {
        complain("%s%s", failure.text,
                 proxy->service.context ? "; the old certificate stays in use" : "");
        return rc;
    }
    coil_tls_context_free(proxy->service.context); /* connections hold it as long as they last */
    proxy->service.context = fresh;
    return 0;
}

/* --- its life --- */

/* A host and a port out of "127.0.0.1:443", "[::1]:443", "name:443" or "unix:/path". The host is
 * copied. */
static int split(const char *text, char **ret_host, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;

    if (strncmp(text, "unix:", 5) == 0) {
        *ret_port = 0;
        *ret_host = strdup(text);
        return *ret_host ? 0 : -ENOMEM;
    }
    if (!end || *end || end == colon + 1 || port < 0 || port > 65535) {
        return -EINVAL;
    }
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    *ret_port = (uint16_t)port;
    *ret_host = strndup(text, length);
    return *ret_host ? 0 : -ENOMEM;
}

static int start(struct proxy *proxy, size_t index)
{
    struct coil_server_options options = {.max_clients = proxy->max_clients};
    uint16_t port = 0;
    char *host = NULL;
    int rc = split(proxy->listen[index], &host, &port);

    if (rc == 0) {
        rc = coil_start_server(host[0] ? host : NULL, port, &options, coil_tls_client,
                               &proxy->service, &proxy->servers[index]);
    }
    if (rc < 0) {
        complain("%s: %s", proxy->listen[index], coil_strerror(rc));
    } else {
        printf("listening on port %d\n", coil_server_get_port(proxy->servers[index]));
    }
    free(host);
    return rc;
}

struct ending {
    struct coil_server *server;
    int64_t grace_ns;
};

static int end_server(void *arg)
{
    struct ending *ending = arg;

    return coil_server_shutdown(ending->server, ending->grace_ns);
}

/* All at the same time: they share the time of grace. */
static int end_all(struct proxy *proxy)
{
    struct ending endings[MAX_LISTEN];
    struct coil_task *tasks[MAX_LISTEN];
    int rc = 0;

    for (size_t i = 0; i < proxy->listen_count; i++) {
        coil_server_stop(proxy->servers[i]);
    }
    for (size_t i = 0; i < proxy->listen_count; i++) {
        endings[i] = (struct ending){proxy->servers[i], proxy->grace_s * COIL_SEC};
        tasks[i] = coil_create_task(end_server, &endings[i]);
    }
    for (size_t i = 0; i < proxy->listen_count; i++) {
        int one = coil_await(tasks[i]);

        rc = one < 0 ? one : rc;
    }
    return rc;
}

/* Until a signal says that it is enough. */
static int wait_for_signals(struct proxy *proxy, struct coil_signal_watch *signals)
{
    int number;

    while ((number = coil_signal_next(signals)) == SIGHUP) {
        if (load(proxy) == 0) {
            printf("the certificate was read anew\n");
        }
    }
    return number;
}

static int serve(struct proxy *proxy, struct coil_signal_watch *signals)
{
    int rc = 0;

    while (rc == 0 && proxy->listen_count < MAX_LISTEN && proxy->listen[proxy->listen_count]) {
        rc = start(proxy, proxy->listen_count);
        proxy->listen_count += rc == 0;
    }
    if (rc == 0) {
        rc = wait_for_signals(proxy, signals);
        printf("ending: connections have %ld s\n", proxy->grace_s);
    }
    if (end_all(proxy) == -ETIMEDOUT) {
        printf("some connections were cut off\n");
    }
    return rc < 0 ? rc : 0;
}

static int amain(void *arg)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    struct coil_signal_watch signals = {0};
    struct proxy *proxy = arg;
    int rc;

    proxy->service.client = serve_client;
    proxy->service.user = proxy;
    proxy->service.on_failure = log_failure;
    proxy->service.options.handshake_timeout_ns = PATIENCE;
    rc = load(proxy);
    rc = rc < 0 ? rc : coil_signal_open(&signals, numbers, 3);
    if (rc == 0) {
        rc = serve(proxy, &signals);
        coil_signal_close(&signals);
    }
    coil_tls_context_free(proxy->service.context);
    return rc;
}

/* --- the command line --- */

static int usage(void)
{
    fprintf(stderr, "usage: tls_proxy --listen ADDRESS --cert FILE [--key FILE] --backend ADDRESS\n"
                    "                 [--alpn LIST] [--client-ca FILE] [--grace SECONDS] [--max N] "
                    "[--log]\n");
    return 2;
}

static bool take_number(const char *text, long max, long *ret_number)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || *end || number < 0 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* "h2,http/1.1", cut up in place. */
static bool take_alpn(struct proxy *proxy, char *list)
{
    size_t count = 0;

    for (char *word = list; word; count++) {
        char *comma = strchr(word, ',');

        if (count == MAX_ALPN) {
            return false;
        }
        if (comma) {
            *comma = '\0';
        }
        proxy->alpn[count] = word;
        word = comma ? comma + 1 : NULL;
    }
    return true;
}

static bool take_option(struct proxy *proxy, const char *name, char *value)
{
    long number = 0;

    if (strcmp(name, "--listen") == 0) {
        if (proxy->listen_count == MAX_LISTEN) {
            return false;
        }
        proxy->listen[proxy->listen_count++] = value;
        return true;
    }
    if (strcmp(name, "--cert") == 0) {
        proxy->certificate_file = value;
    } else if (strcmp(name, "--key") == 0) {
        proxy->key_file = value;
    } else if (strcmp(name, "--client-ca") == 0) {
        proxy->ca_file = value;
    } else if (strcmp(name, "--backend") == 0) {
        free(proxy->backend_host);
        proxy->backend_host = NULL;
        return split(value, &proxy->backend_host, &proxy->backend_port) == 0;
    } else if (strcmp(name, "--alpn") == 0) {
        return take_alpn(proxy, value);
    } else if (strcmp(name, "--grace") == 0) {
        return take_number(value, 86400, &proxy->grace_s);
    } else if (strcmp(name, "--max") == 0) {
        bool is_good = take_number(value, 10000000, &number);

        proxy->max_clients = (size_t)number;
        return is_good;
    } else {
        return false;
    }
    return true;
}

static bool take_options(struct proxy *proxy, char **argv)
{
    for (char **arg = argv + 1; *arg; arg++) {
        if (strcmp(*arg, "--log") == 0) {
            proxy->is_logging = true;
        } else if (!arg[1] || !take_option(proxy, arg[0], arg[1])) {
            return false;
        } else {
            arg++;
        }
    }
    return proxy->listen_count > 0 && proxy->certificate_file && proxy->backend_host;
}

int main(int argc, char **argv)
{
    struct proxy proxy = {.grace_s = 10, .max_clients = 10000};
    int rc = 2;

    (void)argc;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line at a time, also into a file */
    if (!take_options(&proxy, argv)) {
        usage();
    } else {
        proxy.listen_count = 0; /* from now on: those that listen */
        rc = coil_run(amain, &proxy) < 0;
    }
    free(proxy.backend_host);
    return rc;
}
