/* text.c - names, times and copies, for sentences and for struct coil_tls_certificate. */
#include "tls/tls.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

char *coil__tls_copy(const char *text, size_t size)
{
    char *copy = coil__malloc(size + 1);

    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

void coil__tls_print(char *buf, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(buf, size, format, args);
    va_end(args);
}

static void take(char *buf, size_t size, BIO *bio)
{
    char *data;
    long count = bio ? BIO_get_mem_data(bio, &data) : 0;

    count = count < 0 ? 0 : count;
    if ((size_t)count >= size) {
        count = (long)size - 1;
    }
    if (count > 0) {
        memcpy(buf, data, (size_t)count);
    }
    buf[count] = '\0';
    BIO_free(bio);
}

bool coil__tls_print_name(char *buf, size_t size, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_there = bio != NULL;

    if (bio && name) {
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    }
    take(buf, size, bio);
    return is_there;
}

void coil__tls_print_time(char *buf, size_t size, const ASN1_TIME *when)
{
    struct tm tm;

    if (!when || !ASN1_TIME_to_tm(when, &tm)) {
        coil__tls_print(buf, size, "a time that cannot be read");
        return;
    }
    strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static void print_string(char *buf, size_t size, const char *kind, const ASN1_STRING *string)
{
    int count = ASN1_STRING_length(string);
    const char *text = (const char *)ASN1_STRING_get0_data(string);

    /* A '\0' inside is an attempt to look like another name. */
    if (memchr(text, '\0', (size_t)count)) {
        coil__tls_print(buf, size, "%s:(a name with a NUL in it)", kind);
    } else {
        coil__tls_print(buf, size, "%s:%.*s", kind, count, text);
    }
}

static void print_ip(char *buf, size_t size, const ASN1_OCTET_STRING *ip)
{
    char text[INET6_ADDRSTRLEN] = "?";
    int count = ASN1_STRING_length(ip);

    if (count == 4 || count == 16) {
        inet_ntop(count == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof text);
    }
    coil__tls_print(buf, size, "IP:%s", text);
}

void coil__tls_print_alternative(char *buf, size_t size, const void *general_name)
{
    const GENERAL_NAME *name = general_name;

    buf[0] = '\0';
    switch (name->type) {
    case GEN_DNS:
        print_string(buf, size, "DNS", name->d.dNSName);
        break;
    case GEN_EMAIL:
        print_string(buf, size, "email", name->d.rfc822Name);
        break;
    case GEN_URI:
        print_string(buf, size, "URI", name->d.uniformResourceIdentifier);
        break;
    case GEN_IPADD:
        print_ip(buf, size, name->d.iPAddress);
        break;
    default:
        break;
    }
}
