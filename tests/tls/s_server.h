/* `openssl s_server` as a child process: a server of another maker's, for clients of ours. */
#ifndef COIL_TESTS_S_SERVER_H
#define COIL_TESTS_S_SERVER_H

#include "tls_pair.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { MAX_SAID = 64 * 1024, MAX_ARGS = 32 };

struct s_server {
    struct cast cast;
    struct coil_process *process;
    uint16_t port;
    size_t said;  /* bytes in text */
    size_t heard; /* of which these were looked through */
    char text[MAX_SAID];
};

/* Reads what it says until that has come; what comes behind it is left for the next time. */
static inline void await_text(struct s_server *s, const char *wanted)
{
    const char *found;
    ssize_t n = 1;

    while ((found = strstr(s->text + s->heard, wanted)) == NULL && n > 0) {
        n = -ETIMEDOUT;
        coil_timeout(PATIENCE) {
            n = coil_read(coil_process_stdout(s->process), s->text + s->said,
                          sizeof s->text - 1 - s->said);
        }
        s->said += n > 0 ? (size_t)n : 0;
    }
    CHECK_MSG(found, "s_server has not said \"%s\" (%s), but: %s", wanted, coil_errname((int)n),
              s->text + s->heard);
    s->heard = found ? (size_t)(found - s->text) + strlen(wanted) : s->heard;
}

/* Types a line for it to act upon, or to send, and waits until it is read: two that it reads at
 * once are one. */
static inline void type_line(struct s_server *s, const char *line)
{
    int left = 1;

    CHECK_INT(coil_process_write(s->process, line, strlen(line)), ==, (int64_t)strlen(line));
    coil_timeout(PATIENCE) {
        while (left > 0 && ioctl(coil_process_stdin(s->process), FIONREAD, &left) == 0) {
            coil_sleep(COIL_MSEC);
        }
    }
    CHECK_INT(left, ==, 0);
}

/* The certificates, where s_server finds them: it runs in the folder of the test. */
static inline void write_cast(const struct cast *cast)
{
    static const char *const names[] = {"server", "client", "ca"};
    const struct identity *const who[] = {&cast->server, &cast->client, &cast->authority};
    char path[256], name[32], both[2 * PEM_SIZE];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.pem", names[i]);
        snprintf(both, sizeof both, "%s%s", who[i]->certificate_pem, who[i]->key_pem);
        test_temp_path(path, sizeof path, name);
        write_text(path, both);
    }
}

/* more: its options beyond certificate and port, then NULL. It chooses a port and says which. */
static inline void start_s_server(struct s_server *s, const char *const *more)
{
    const char *argv[MAX_ARGS + 1] = {"openssl",     "s_server", "-accept",
                                      "127.0.0.1:0", "-cert",    "server.pem"};
    struct coil_process_options options = {.cwd = test_temp_dir(),
                                           .in = COIL_PROCESS_PIPE,
                                           .out = COIL_PROCESS_PIPE,
                                           .err = COIL_PROCESS_MERGE,
                                           .grace_ns = -1};
    size_t end;
    int rc;

    for (int i = 6; *more; i++) {
        argv[i] = *more++;
        CHECK_INT(i, <, MAX_ARGS);
    }
    s->said = s->heard = 0;
    memset(s->text, 0, sizeof s->text);
    rc = coil_process_spawn(&options, argv, &s->process);
    if (rc == -ENOENT) {
        test_skip("there is no program called openssl");
    }
    CHECK_OK(rc);
    await_text(s, "\nACCEPT 127.0.0.1:");
    end = s->heard;
    await_text(s, "\n");
    s->port = (uint16_t)atoi(s->text + end);
    CHECK_INT(s->port, >, 0);
}

/* With certificates that are made for it. Also ends the test where none can be had. */
static inline void open_s_server(struct s_server *s, const char *const *more)
{
    if (test_backend_is("sim")) {
        test_skip("its network is its own: no other program is in it");
    }
    if (test_is_torture()) {
        test_skip("the faults of connections have other tests");
    }
    make_cast(&s->cast);
    write_cast(&s->cast);
    start_s_server(s, more);
}

static inline void close_s_server(struct s_server *s)
{
    CHECK_INT(coil_process_close(s->process), ==, COIL_PROCESS_KILLED + SIGKILL);
    free_cast(&s->cast);
}

#endif
