/* sessions.c - what a client keeps to shorten its next handshake with the same server.
 *
 * Sessions are kept by whom was connected to and how it was checked, so that one made without a
 * check of the name is never resumed where it is to be checked. Of TLS 1.3 each is used once
 * (RFC 8446, C.4), and up to PER_KEY are kept for connections at the same time; of TLS 1.2 one is
 * kept and used again. The oldest go when there are too many.
 */
#include "tls/tls.h"

#include "base/list.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum { DEFAULT_MAX = 256, PER_KEY = 4 };

struct entry {
    struct coil__list link;
    SSL_SESSION *session; /* owned */
    char key[];
};

static void drop(struct coil__tls_sessions *sessions, struct entry *entry)
{
    coil__list_remove(&entry->link);
    sessions->count--;
    SSL_SESSION_free(entry->session);
    coil__free(entry);
}

static struct entry *entry_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct entry, link);
}

static bool is_single_use(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* Makes room for one more of this key. */
static void trim(struct coil__tls_sessions *sessions, const char *key, size_t most)
{
    size_t same = 0;

    COIL__LIST_FOREACH_SAFE(&sessions->entries, link) {
        struct entry *entry = entry_of(link);

        if (strcmp(entry->key, key) == 0 && ++same >= most) {
            drop(sessions, entry);
        }
    }
    while (sessions->count >= sessions->max) {
        drop(sessions, entry_of(sessions->entries.prev));
    }
}

/* Called by OpenSSL with each new session. Returns 1 when it is kept: its count is ours then. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct coil__tls_conn *conn = SSL_get_ex_data(ssl, 0);
    struct coil__tls_sessions *sessions = &conn->context->sessions;
    size_t size = conn->session_key ? strlen(conn->session_key) + 1 : 0;
    struct entry *entry;

    entry =
        size > 0 && SSL_SESSION_is_resumable(session) ? coil__malloc(sizeof *entry + size) : NULL;
    if (!entry) {
        return 0;
    }
    *entry = (struct entry){.session = session};
    memcpy(entry->key, conn->session_key, size);
    CRYPTO_THREAD_write_lock(sessions->lock);
    trim(sessions, entry->key, is_single_use(session) ? PER_KEY : 1);
    coil__list_push_head(&sessions->entries, &entry->link);
    sessions->count++;
    CRYPTO_THREAD_unlock(sessions->lock);
    return 1;
}

/* A session to be resumed, which the caller owns; or NULL. */
static SSL_SESSION *take(struct coil__tls_sessions *sessions, const char *key)
{
    SSL_SESSION *found = NULL;

    CRYPTO_THREAD_write_lock(sessions->lock);
    COIL__LIST_FOREACH_SAFE(&sessions->entries, link) {
        struct entry *entry = entry_of(link);

        if (!found && strcmp(entry->key, key) == 0) {
            found = entry->session;
            SSL_SESSION_up_ref(found);
            if (is_single_use(found)) {
                drop(sessions, entry);
            }
        }
    }
    CRYPTO_THREAD_unlock(sessions->lock);
    return found;
}

void coil__tls_resume(struct coil__tls_conn *conn)
{
    SSL_SESSION *session =
        conn->session_key ? take(&conn->context->sessions, conn->session_key) : NULL;

    if (session) {
        SSL_set_session(conn->ssl, session);
        SSL_SESSION_free(session);
    }
}

int coil__tls_sessions_init(struct coil_tls_context *context, size_t max)
{
    struct coil__tls_sessions *sessions = &context->sessions;

    coil__list_init(&sessions->entries);
    sessions->max = max > 0 ? max : DEFAULT_MAX;
    sessions->lock = CRYPTO_THREAD_lock_new();
    if (!sessions->lock) {
        return -ENOMEM;
    }
    SSL_CTX_set_session_cache_mode(context->ssl_ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl_ctx, on_new_session);
    return 0;
}

void coil__tls_sessions_deinit(struct coil__tls_sessions *sessions)
{
    if (sessions->lock) {
        while (!coil__list_is_empty(&sessions->entries)) {
            drop(sessions, entry_of(sessions->entries.next));
        }
        CRYPTO_THREAD_lock_free(sessions->lock);
    }
}
