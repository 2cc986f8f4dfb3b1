/* coil/console.h - a live console: a web page that shows what a loop is doing.
 *
 *     coil_console_start("127.0.0.1:8080");         // then open http://127.0.0.1:8080/
 *
 * The page has a table and a tree of all tasks (what each waits for, who awaits it, its stack with
 * lines), how long things take, and where the loop has stalled. It is plain HTML, CSS and
 * JavaScript that come from the library, and asks nothing from anywhere else. Nothing can be
 * changed through it.
 *
 * A thread of its own serves it, so that it answers also when the loop is stuck: then it says for
 * how long, and where (a watchdog is started, coil/watchdog.h, if the loop has none), and shows
 * what it saw last. While the console is there, the times of coil/metrics.h are taken. The tasks
 * are asked for only while somebody looks, the oldest 10,000 of them, and that takes at most a
 * twentieth of the loop's time: of a loop with many tasks the page is renewed less often.
 *
 *     GET /              the page
 *     GET /state.json    what it shows
 *     GET /metrics       the loop's metrics (coil/metrics.h) as text for Prometheus
 *
 * Who may look: an address of this machine (127.0.0.0/8, ::1) or a unix socket with a path needs
 * nothing else; but every user of the machine can ask the former. Any other address needs a token,
 * also an abstract name, which has no permissions. It is sent as `Authorization: Bearer TOKEN`, or
 * once as http://HOST:PORT/?token=TOKEN by a browser, which keeps it as a cookie (and browsers send
 * cookies to all ports of a host: do not visit servers of somebody else on the same one). There is
 * no TLS: on a network that others can listen to, use an address of this machine and a tunnel
 * (ssh -L). On addresses of this machine, requests whose Host header is another one than localhost
 * or a loopback address are refused, so that no web page can reach the console by a name of its own
 * (DNS rebinding).
 *
 * asyncio's counterpart: none.
 */
#ifndef COIL_CONSOLE_H
#define COIL_CONSOLE_H

#include <coil/base.h>

/* All-zero is the default of everything. */
struct coil_console_options {
    const char *token;  /* copied; 16 to 128 letters, digits and "-._~"; NULL: none is needed */
    size_t max_clients; /* connections at once; further ones wait in the kernel's queue; 0: 16 */
    int64_t request_timeout_ns; /* for a request to come, and for its answer to be taken; 0: 5 s */
    int64_t patience_ns;    /* after so long without an answer the loop counts as late; 0: 250 ms */
    int64_t stall_limit_ns; /* of the watchdog that it starts where there is none; 0: 100 ms;
                               COIL_NEVER: it starts none */
    unsigned mode;          /* permissions of a unix socket's file; 0: 0600 */
    bool no_times;          /* leaves the times of coil/metrics.h off, if they are off */
};

/* Room for any text of coil_console_get_url, '\0' included. */
enum { COIL_CONSOLE_URL = 160 };

COIL_BEGIN_DECLS

/* Starts a console of the running loop, from a task or a callback; it ends with the loop, or by
 * coil_console_stop. A loop has one at most; several loops of a process may each have one. Blocks
 * for the moment that a thread takes to start.
 * address: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (that is 127.0.0.1), port 0 for a free
 * one, "unix:/path", "unix:@name" (with a token); NULL: "127.0.0.1:0". See coil_console_get_url.
 * 0; -EADDRINUSE (the port is taken), -EACCES (an address that is not of this machine, without a
 * token; or a port or path that is not the process's to use), -COIL_EADDRESS (no such form),
 * -COIL_EINVALIDSTATE (the loop has a console), -EAGAIN (no thread), -ENOMEM, -EMFILE and others of
 * socket(2), bind(2), listen(2), -COIL_ENOLOOP, -COIL_EFORKED. */
COIL_EXPORT int coil_console_start(const char *address);

/* The same with options; NULL: none. Also -EINVAL: a token that is too short or has other
 * characters, a negative time. */
COIL_EXPORT int coil_console_start_with(const char *address,
                                        const struct coil_console_options *options);

/* Ends the running loop's console: closes its connections, joins its thread. Does not suspend, but
 * may block for a moment. 0; -COIL_EINVALIDSTATE (it has none), -COIL_ENOLOOP. */
COIL_EXPORT int coil_console_stop(void);

/* Writes where the running loop's console is to be found, "http://127.0.0.1:8080/" (without the
 * token) or "unix:/path", and '\0'. size: of buf; COIL_CONSOLE_URL is always enough. Returns the
 * length without the '\0'. -ENOSPC, -EINVAL (NULL), -COIL_EINVALIDSTATE (it has none),
 * -COIL_ENOLOOP. */
COIL_EXPORT int coil_console_get_url(char *buf, size_t size);

COIL_END_DECLS

#endif
