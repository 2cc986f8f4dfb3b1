/* coil/error.h - the errors, their names and their sentences.
 *
 * Every call of the library returns >= 0, or one negative number:
 *   -1 .. -4095     -errno, as the system gave it (-ECONNRESET, -ENOMEM, ...);
 *   below -4096     the library's own, -COIL_EXXX from the list below.
 * Two of the system's have a fixed meaning here: -ECANCELED, the task or scope was cancelled;
 * -ETIMEDOUT, a deadline of the caller's has passed (or the system says a connection timed out).
 */
#ifndef COIL_ERROR_H
#define COIL_ERROR_H

#include <coil/base.h>

/* The library's own errors. Used negated, as errno values are. */
enum coil_error {
    COIL_ENOTASK = 4097, /* a suspending call outside a task */
    COIL_ENOLOOP,        /* a call that needs a running loop, in a thread that runs none */
    COIL_EWRONGTHREAD,   /* an object of a loop used from another thread or loop */
    COIL_EFORKED,        /* a call in the child of a fork(), before it started a loop of its own */
    COIL_ESTALE,         /* a task handle that was already awaited, detached or given away */
    COIL_EINVALIDSTATE,  /* the object is not in a state that allows the call */
    COIL_ECLOSED,        /* the stream, listener, channel or loop is closed */
    COIL_ECONCURRENT,    /* a second task reads (or a second one writes) the same thing at once */
    COIL_EINCOMPLETE,    /* the peer ended before all the bytes asked for had come */
    COIL_ELIMIT,         /* a stated bound was reached (line too long, buffer full, pool full) */
    COIL_ESTOPPED,       /* the loop was stopped before the work was done */
    COIL_ENOTREADY,      /* a child of a group ended before it said that it was ready */
    COIL_ENESTED,        /* coil_run, or a loop freed, inside a running loop */
    COIL_EBACKEND,       /* the backend asked for is unknown or not to be had here */
    COIL_EHOSTNAME,      /* the host name does not resolve (no such name, no address) */
    COIL_ERESOLVER,      /* the resolver failed for now: try again later */
    COIL_EADDRESS,       /* an address that cannot be parsed */
    COIL_EBROKEN,        /* the barrier was aborted, or reset while the caller waited */
    COIL_EWORKERDIED,    /* a worker process ended before it had returned a result */
    COIL_ETLSCONFIG,     /* TLS (coil/tls.h): a certificate, key or setting that cannot be used */
    COIL_ETLSPROTOCOL,   /* the peer does not speak TLS, breaks its rules, or agrees on nothing */
    COIL_ETLSALERT,      /* the peer has refused, and says why in an alert */
    COIL_ETLSTRUNCATED,  /* the connection ended without the peer's word that it is the end */
    COIL_ETLSEXPIRED,    /* the peer's certificate has expired */
    COIL_ETLSNOTYET,     /* the peer's certificate is not valid yet */
    COIL_ETLSHOSTNAME,   /* the peer's certificate is for another host */
    COIL_ETLSUNTRUSTED,  /* it comes from nobody who is trusted, or is self-signed */
    COIL_ETLSREVOKED,    /* the peer's certificate was revoked */
    COIL_ETLSVERIFY,     /* something else is wrong with the peer's certificate */
    COIL_ETLSNOCERT,     /* the peer has shown no certificate */
    COIL_EHANG,          /* a test (coil/testing.h) did not end in the virtual time it may take */
    COIL_EPROTOCOL,      /* the peer breaks the rules of the protocol that is spoken (HTTP) */
    COIL_EURL,           /* a URL that cannot be parsed, or not be asked for */
    COIL_EREDIRECT,      /* redirects without an end, or one that must not be followed */
    COIL_EPROXY,         /* the proxy refuses, or is none */
    COIL_ERROR_END_,
};

COIL_BEGIN_DECLS

/* A sentence for an error, without a full stop: "no such host". Takes the negative error (a
 * positive one is taken for its negative). Static storage; never NULL. Any thread. */
COIL_EXPORT const char *coil_strerror(int error);

/* The symbolic name: "-ECONNRESET", "-COIL_ESTALE". "0" for values >= 0, "-E?" for unknown ones.
 * Static storage; never NULL. Any thread. */
COIL_EXPORT const char *coil_errname(int error);

COIL_END_DECLS

#endif
