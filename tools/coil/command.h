/* command.h - the commands of the program. */
#ifndef COIL_TOOLS_COMMAND_H
#define COIL_TOOLS_COMMAND_H

struct command {
    const char *name;
    const char *usage; /* "PID": what follows the name */
    const char *line;  /* what it does, in one line */
    const char *help;  /* the rest of its help, of whole lines */
    /* argv[0] is the command's name. Returns the status that the program ends with. */
    int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_get;
extern const struct command command_ps;
extern const struct command command_pstree;
extern const struct command command_serve;

void command_help(const struct command *command);
/* Says what is wrong with the command line; returns STATUS_USAGE. */
int command_misused(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
