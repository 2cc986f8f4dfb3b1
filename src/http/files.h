/* files.h - what the files about files share. They use what is public of an exchange, but for
 * file_body.c. */
#ifndef COIL__HTTP_FILES_H
#define COIL__HTTP_FILES_H

#include "wire/slice.h"

#include <coil/http_files.h>

#include <sys/stat.h>

/* Longest path below a folder, with a NUL and the name of an index or an extension. */
enum { COIL__HTTP_PATH_ROOM = 4096, COIL__HTTP_INDEX_ROOM = 256 };

struct coil_http_files {
    int folder;
    char index[COIL__HTTP_INDEX_ROOM]; /* "": none */
    char cache[40];                    /* Cache-Control; "": none */
    bool lists_folders;
    bool shows_hidden;
    bool follows_links;
    bool ignores_compressed;
};

/* A file to answer with. */
struct coil__http_file {
    int fd;
    const struct stat *status; /* of a regular file */
    const char *type;
    const char *encoding;    /* Content-Encoding; NULL: none */
    const char *disposition; /* Content-Disposition; NULL: none */
    const char *cache;       /* Cache-Control; NULL: none */
    bool varies;             /* by Accept-Encoding */
};

/* --- file_reply.c --- */

/* Answers with the file. 0, or an error as coil_http_reply_fd. */
int coil__http_file_reply(struct coil_http_exchange *exchange, const struct coil__http_file *file);

/* All values of the fields of that name, joined with ", " (RFC 9110, section 5.3). A slice that
 * points into the exchange or to `*memory`, which is to be given to coil__free; absent: there is no
 * such field. False: no memory. */
bool coil__http_file_field(const struct coil_http_exchange *exchange, const char *name,
                           struct coil__slice *ret_value, char **memory);

/* Answers with a status, and its name as the text. */
int coil__http_file_refuse(struct coil_http_exchange *exchange, unsigned status);

/* --- file_parts.c --- */

struct coil__range;

/* Answers with several parts (RFC 9110, section 14.6); the fields of the head are there already. */
int coil__http_file_parts(struct coil_http_exchange *exchange, const struct coil__http_file *file,
                          const struct coil__range *ranges, size_t count);

/* --- files_list.c --- */

/* Answers with a list of a folder. fd: the folder, which is closed. */
int coil__http_files_list(struct coil_http_files *files, struct coil_http_exchange *exchange,
                          int fd);

/* Opens what is at a path below the folder. */
int coil__http_files_look(const struct coil_http_files *files, int folder, const char *path,
                          int flags, struct stat *ret_status);

#endif
