/* get.h - what the files of `coil get` share: what was asked for, and how it went. */
#ifndef COIL_TOOLS_GET_H
#define COIL_TOOLS_GET_H

#include <coil/http_client.h>

/* One URL. */
struct get_job {
    const char *url;
    const char *file; /* where the body goes; NULL: standard output */
    /* How it went. */
    int error;
    unsigned status; /* 0: no response */
    int64_t size;    /* of the body, so far */
    int64_t span_ns;
    struct coil_http_failure failure;
};

struct get_options {
    struct get_job *jobs;
    size_t count;
    struct coil_http_field *fields; /* strings of the command line's, cut */
    size_t field_count;
    const char *method;    /* NULL: by the rest */
    const char *data;      /* a body, or NULL */
    const char *data_file; /* the same from a file */
    bool with_head;        /* goes to the output, too */
    bool only_head;
    bool no_redirects;
    unsigned max_redirects;
    bool is_insecure;
    bool is_quiet;
    int64_t timeout_ns; /* of each; 0: none */
    unsigned parallel;
};

/* Does it all, in a loop of its own. 0; or why not even a session could be made. */
int get_all(struct get_options *options);

#endif
