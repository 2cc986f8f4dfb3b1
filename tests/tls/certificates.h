/* Certificates for the tests of TLS, made when they are needed: elliptic curves, because that takes
 * a fraction of a millisecond. */
#ifndef COIL_TESTS_CERTIFICATES_H
#define COIL_TESTS_CERTIFICATES_H

#include "in_task.h"

#include <coil/tls.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { PEM_SIZE = 2048, DAY = 24 * 60 * 60 };

/* What a certificate is to say. All-zero, but for a common name: self-signed, good for a year. */
struct recipe {
    const char *common_name;
    const char *names;             /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
    const struct identity *issuer; /* NULL: itself */
    bool is_authority;
    long not_before; /* days from now; 0: yesterday */
    long not_after;  /* 0: in a year */
};

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    char certificate_pem[PEM_SIZE];
    char key_pem[PEM_SIZE];
};

static inline void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    CHECK(extension && X509_add_ext(certificate, extension, -1) > 0);
    X509_EXTENSION_free(extension);
}

static inline void take_pem(BIO *bio, char pem[PEM_SIZE])
{
    int size = BIO_read(bio, pem, PEM_SIZE - 1);

    CHECK_INT(size, >, 0);
    pem[size < 0 ? 0 : size] = '\0';
    BIO_free(bio);
}

static inline void sign(const struct recipe *recipe, struct identity *identity)
{
    const struct identity *issuer = recipe->issuer ? recipe->issuer : identity;
    X509 *certificate = identity->certificate;
    X509_NAME *name = X509_get_subject_name(certificate);
    uint64_t serial = 0;

    CHECK(RAND_bytes((unsigned char *)&serial, sizeof serial) > 0);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate),
                    (recipe->not_before ? recipe->not_before : -1) * DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate),
                    (recipe->not_after ? recipe->not_after : 365) * DAY);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               (const unsigned char *)recipe->common_name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    X509_set_pubkey(certificate, identity->key);
    add_extension(certificate, NID_basic_constraints,
                  recipe->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (recipe->names) {
        add_extension(certificate, NID_subject_alt_name, recipe->names);
    }
    CHECK(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
}

static inline void make_identity(const struct recipe *recipe, struct identity *ret_identity)
{
    BIO *bio;

    ret_identity->key = EVP_EC_gen("P-256");
    ret_identity->certificate = X509_new();
    CHECK(ret_identity->key && ret_identity->certificate);
    sign(recipe, ret_identity);
    bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(bio, ret_identity->certificate) > 0);
    take_pem(bio, ret_identity->certificate_pem);
    bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PrivateKey(bio, ret_identity->key, NULL, NULL, 0, NULL, NULL) > 0);
    take_pem(bio, ret_identity->key_pem);
}

static inline void free_identity(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    *identity = (struct identity){0};
}

/* The people that most tests need. */
struct cast {
    struct identity authority;
    struct identity server; /* localhost, 127.0.0.1, ::1 */
    struct identity client; /* "alice" */
};

static inline void make_cast(struct cast *cast)
{
    make_identity(&(struct recipe){.common_name = "Test Authority", .is_authority = true},
                  &cast->authority);
    make_identity(&(struct recipe){.common_name = "localhost",
                                   .names = "DNS:localhost,IP:127.0.0.1,IP:::1",
                                   .issuer = &cast->authority},
                  &cast->server);
    make_identity(&(struct recipe){.common_name = "alice", .issuer = &cast->authority},
                  &cast->client);
}

static inline void free_cast(struct cast *cast)
{
    free_identity(&cast->client);
    free_identity(&cast->server);
    free_identity(&cast->authority);
}

static inline void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

#endif
