/* error.c - names and sentences of errors. */
#include <coil/error.h>

#include <errno.h>
#include <string.h>

struct text {
    const char *name;
    const char *sentence;
};

#define FIRST COIL_ENOTASK

static const struct text own[] = {
    [COIL_ENOTASK - FIRST] = {"-COIL_ENOTASK", "this call suspends, and must come from a task"},
    [COIL_ENOLOOP - FIRST] = {"-COIL_ENOLOOP", "no loop is running in this thread"},
    [COIL_EWRONGTHREAD -
        FIRST] = {"-COIL_EWRONGTHREAD", "the object belongs to a loop of another thread"},
    [COIL_EFORKED - FIRST] = {"-COIL_EFORKED",
                              "this is the child of a fork, and has not started a loop of its own"},
    [COIL_ESTALE -
        FIRST] = {"-COIL_ESTALE", "the task handle was already awaited, detached or given away"},
    [COIL_EINVALIDSTATE -
        FIRST] = {"-COIL_EINVALIDSTATE", "the object is not in a state that allows this call"},
    [COIL_ECLOSED - FIRST] = {"-COIL_ECLOSED", "it is closed"},
    [COIL_ECONCURRENT -
        FIRST] = {"-COIL_ECONCURRENT", "another task is already waiting in the same call"},
    [COIL_EINCOMPLETE -
        FIRST] = {"-COIL_EINCOMPLETE", "the peer ended before all the bytes had come"},
    [COIL_ELIMIT - FIRST] = {"-COIL_ELIMIT", "a limit was reached"},
    [COIL_ESTOPPED - FIRST] = {"-COIL_ESTOPPED", "the loop was stopped before the work was done"},
    [COIL_ENOTREADY - FIRST] = {"-COIL_ENOTREADY", "the task ended before it said it was ready"},
    [COIL_ENESTED - FIRST] = {"-COIL_ENESTED", "a loop is already running in this thread"},
    [COIL_EBACKEND -
        FIRST] = {"-COIL_EBACKEND", "the backend is unknown, or not to be had on this system"},
    [COIL_EHOSTNAME - FIRST] = {"-COIL_EHOSTNAME", "no such host name, or it has no address"},
    [COIL_ERESOLVER - FIRST] = {"-COIL_ERESOLVER", "the name service failed for the time being"},
    [COIL_EADDRESS - FIRST] = {"-COIL_EADDRESS", "the address cannot be understood"},
    [COIL_EBROKEN - FIRST] = {"-COIL_EBROKEN", "the barrier is broken"},
    [COIL_EWORKERDIED -
        FIRST] = {"-COIL_EWORKERDIED", "the worker process ended before it had a result"},
    [COIL_ETLSCONFIG -
        FIRST] = {"-COIL_ETLSCONFIG", "a certificate, key or setting for TLS cannot be used"},
    [COIL_ETLSPROTOCOL -
        FIRST] = {"-COIL_ETLSPROTOCOL", "the peer does not speak TLS, or breaks its rules"},
    [COIL_ETLSALERT - FIRST] = {"-COIL_ETLSALERT", "the peer has refused the TLS connection"},
    [COIL_ETLSTRUNCATED -
        FIRST] = {"-COIL_ETLSTRUNCATED", "the TLS connection was cut off by something"},
    [COIL_ETLSEXPIRED - FIRST] = {"-COIL_ETLSEXPIRED", "the peer's certificate has expired"},
    [COIL_ETLSNOTYET - FIRST] = {"-COIL_ETLSNOTYET", "the peer's certificate is not valid yet"},
    [COIL_ETLSHOSTNAME -
        FIRST] = {"-COIL_ETLSHOSTNAME", "the peer's certificate is for another host"},
    [COIL_ETLSUNTRUSTED -
        FIRST] = {"-COIL_ETLSUNTRUSTED", "the peer's certificate comes from nobody who is trusted"},
    [COIL_ETLSREVOKED - FIRST] = {"-COIL_ETLSREVOKED", "the peer's certificate was revoked"},
    [COIL_ETLSVERIFY - FIRST] = {"-COIL_ETLSVERIFY", "the peer's certificate is not good"},
    [COIL_ETLSNOCERT - FIRST] = {"-COIL_ETLSNOCERT", "the peer has shown no certificate"},
    [COIL_EHANG - FIRST] = {"-COIL_EHANG", "it hangs: it does not end in the time it may take"},
    [COIL_EPROTOCOL - FIRST] = {"-COIL_EPROTOCOL", "the peer breaks the rules of the protocol"},
    [COIL_EURL - FIRST] = {"-COIL_EURL", "the URL cannot be understood or used"},
    [COIL_EREDIRECT - FIRST] = {"-COIL_EREDIRECT", "a redirect that cannot be followed"},
    [COIL_EPROXY - FIRST] = {"-COIL_EPROXY", "the proxy has refused"},
};

/* NULL when it is none of the library's own. */
static const struct text *find_own(int error)
{
    int index = error == INT32_MIN ? 0 : error > 0 ? error : -error;

    if (index < FIRST || index >= COIL_ERROR_END_) {
        return NULL;
    }
    return &own[index - FIRST];
}

const char *coil_strerror(int error)
{
    const struct text *text = find_own(error);
    const char *sentence;

    if (text) {
        return text->sentence;
    }
    if (error == 0) {
        return "success";
    }
    sentence = error == INT32_MIN ? NULL : strerrordesc_np(error > 0 ? error : -error);
    return sentence ? sentence : "unknown error";
}

/* The C library knows "ECONNRESET" but not "-ECONNRESET": the sign stands in a table of our own. */
#define NAMED(name) [name] = "-" #name

/* clang-format off */
static const char *const system_names[] = {
    NAMED(EPERM),
    NAMED(ENOENT),
    NAMED(ESRCH),
    NAMED(EINTR),
    NAMED(EIO),
    NAMED(ENXIO),
    NAMED(E2BIG),
    NAMED(ENOEXEC),
    NAMED(EBADF),
    NAMED(ECHILD),
    NAMED(EAGAIN),
    NAMED(ENOMEM),
    NAMED(EACCES),
    NAMED(EFAULT),
    NAMED(ENOTBLK),
    NAMED(EBUSY),
    NAMED(EEXIST),
    NAMED(EXDEV),
    NAMED(ENODEV),
    NAMED(ENOTDIR),
    NAMED(EISDIR),
    NAMED(EINVAL),
    NAMED(ENFILE),
    NAMED(EMFILE),
    NAMED(ENOTTY),
    NAMED(ETXTBSY),
    NAMED(EFBIG),
    NAMED(ENOSPC),
    NAMED(ESPIPE),
    NAMED(EROFS),
    NAMED(EMLINK),
    NAMED(EPIPE),
    NAMED(EDOM),
    NAMED(ERANGE),
    NAMED(EDEADLK),
    NAMED(ENAMETOOLONG),
    NAMED(ENOLCK),
    NAMED(ENOSYS),
    NAMED(ENOTEMPTY),
    NAMED(ELOOP),
    NAMED(ENOMSG),
    NAMED(EIDRM),
    NAMED(ECHRNG),
    NAMED(EL2NSYNC),
    NAMED(EL3HLT),
    NAMED(EL3RST),
    NAMED(ELNRNG),
    NAMED(EUNATCH),
    NAMED(ENOCSI),
    NAMED(EL2HLT),
    NAMED(EBADE),
    NAMED(EBADR),
    NAMED(EXFULL),
    NAMED(ENOANO),
    NAMED(EBADRQC),
    NAMED(EBADSLT),
    NAMED(EBFONT),
    NAMED(ENOSTR),
    NAMED(ENODATA),
    NAMED(ETIME),
    NAMED(ENOSR),
    NAMED(ENONET),
    NAMED(ENOPKG),
    NAMED(EREMOTE),
    NAMED(ENOLINK),
    NAMED(EADV),
    NAMED(ESRMNT),
    NAMED(ECOMM),
    NAMED(EPROTO),
    NAMED(EMULTIHOP),
    NAMED(EDOTDOT),
    NAMED(EBADMSG),
    NAMED(EOVERFLOW),
    NAMED(ENOTUNIQ),
    NAMED(EBADFD),
    NAMED(EREMCHG),
    NAMED(ELIBACC),
    NAMED(ELIBBAD),
    NAMED(ELIBSCN),
    NAMED(ELIBMAX),
    NAMED(ELIBEXEC),
    NAMED(EILSEQ),
    NAMED(ERESTART),
    NAMED(ESTRPIPE),
    NAMED(EUSERS),
    NAMED(ENOTSOCK),
    NAMED(EDESTADDRREQ),
    NAMED(EMSGSIZE),
    NAMED(EPROTOTYPE),
    NAMED(ENOPROTOOPT),
    NAMED(EPROTONOSUPPORT),
    NAMED(ESOCKTNOSUPPORT),
    NAMED(EPFNOSUPPORT),
    NAMED(EAFNOSUPPORT),
    NAMED(EOPNOTSUPP),
    NAMED(EADDRINUSE),
    NAMED(EADDRNOTAVAIL),
    NAMED(ENETDOWN),
    NAMED(ENETUNREACH),
    NAMED(ENETRESET),
    NAMED(ECONNABORTED),
    NAMED(ECONNRESET),
    NAMED(ENOBUFS),
    NAMED(EISCONN),
    NAMED(ENOTCONN),
    NAMED(ESHUTDOWN),
    NAMED(ETOOMANYREFS),
    NAMED(ETIMEDOUT),
    NAMED(ECONNREFUSED),
    NAMED(EHOSTDOWN),
    NAMED(EHOSTUNREACH),
    NAMED(EALREADY),
    NAMED(EINPROGRESS),
    NAMED(ESTALE),
    NAMED(EUCLEAN),
    NAMED(ENOTNAM),
    NAMED(ENAVAIL),
    NAMED(EISNAM),
    NAMED(EREMOTEIO),
    NAMED(EDQUOT),
    NAMED(ENOMEDIUM),
    NAMED(EMEDIUMTYPE),
    NAMED(ECANCELED),
    NAMED(ENOKEY),
    NAMED(EKEYEXPIRED),
    NAMED(EKEYREVOKED),
    NAMED(EKEYREJECTED),
    NAMED(EOWNERDEAD),
    NAMED(ENOTRECOVERABLE),
    NAMED(ERFKILL),
    NAMED(EHWPOISON),
};
/* clang-format on */

const char *coil_errname(int error)
{
    const struct text *text = find_own(error);
    const char *name = NULL;

    if (error >= 0 && !text) {
        return "0";
    }
    if (text) {
        return text->name;
    }
    if (error > -(int)(sizeof system_names / sizeof *system_names)) {
        name = system_names[-error];
    }
    return name ? name : "-E?";
}
