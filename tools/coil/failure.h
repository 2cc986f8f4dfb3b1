/* failure.h - why there is nothing to be shown: a sentence, and the status that the program ends
 * with. */
#ifndef COIL_TOOLS_FAILURE_H
#define COIL_TOOLS_FAILURE_H

enum status {
    STATUS_OK,
    STATUS_GONE,  /* there is no such process, or it has ended meanwhile */
    STATUS_USAGE, /* the command line is wrong */
    STATUS_REFUSED,
    STATUS_NO_COIL,
    STATUS_OTHER_VERSION,
    STATUS_FAILED, /* no memory, no room for the output, ... */
};

struct failure {
    enum status status;
    char text[600];
};

/* Fills it in, and returns the status. */
enum status fail(struct failure *failure, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
