/* OpenSSL's own memory for the tests of this folder: counted, and failing on demand. It does not go
 * through what the harness counts, as OpenSSL keeps much of it for the life of the process. */
#ifndef COIL_TESTS_OPENSSL_MEMORY_H
#define COIL_TESTS_OPENSSL_MEMORY_H

#include "harness.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);

static struct {
    long live;     /* blocks */
    uint64_t seen; /* allocations since it was armed */
    bool is_armed;
    uint64_t fail_at; /* the first one that fails; 0: none */
    bool is_lasting;  /* ... and all behind it */
    uint64_t failed;  /* since it was armed */
    bool is_installed;
} openssl_memory;

/* What fails in OpenSSL itself when it fails there: not asked to. */
static bool openssl_is_excused(const char *file, int line);

static inline bool openssl_fails_now(const char *file, int line)
{
    openssl_memory.seen += openssl_memory.is_armed;
    if (!openssl_memory.is_armed || openssl_memory.fail_at == 0 ||
        openssl_memory.seen < openssl_memory.fail_at ||
        (openssl_memory.seen > openssl_memory.fail_at && !openssl_memory.is_lasting) ||
        openssl_is_excused(file, line)) {
        return false;
    }
    openssl_memory.failed++;
    if (openssl_memory.failed == 1) {
        fprintf(stderr, " at %s:%d\n", file, line);
    }
    return true;
}

static inline void *openssl_malloc(size_t size, const char *file, int line)
{
    void *ptr = openssl_fails_now(file, line) ? NULL : __real_malloc(size);

    openssl_memory.live += ptr != NULL;
    return ptr;
}

static inline void openssl_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    openssl_memory.live -= ptr != NULL;
    __real_free(ptr);
}

static inline void *openssl_realloc(void *ptr, size_t size, const char *file, int line)
{
    if (!ptr) {
        return openssl_malloc(size, file, line);
    }
    if (size == 0) {
        openssl_free(ptr, file, line);
        return NULL;
    }
    return openssl_fails_now(file, line) ? NULL : __real_realloc(ptr, size);
}

/* Only before OpenSSL has allocated anything. */
__attribute__((constructor)) static void openssl_memory_install(void)
{
    openssl_memory.is_installed =
        CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) > 0;
}

/* The n-th allocation from now fails; is_lasting: and all behind it. 0: none. */
static inline void openssl_memory_arm(uint64_t n, bool is_lasting)
{
    openssl_memory.seen = 0;
    openssl_memory.failed = 0;
    openssl_memory.is_lasting = is_lasting;
    openssl_memory.fail_at = n;
    openssl_memory.is_armed = true;
}

static inline void openssl_memory_disarm(void)
{
    openssl_memory.is_armed = false;
}

#endif
