/* get_absent.c - `coil get` where the program was built without coil-http. */
#include "command.h"
#include "failure.h"

#include <stdio.h>

static int run(const struct command *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    fputs("coil get: this program was built without HTTP (the library coil-http)\n", stderr);
    return STATUS_FAILED;
}

const struct command command_get = {
    .name = "get",
    .usage = "URL...",
    .line = "fetch URLs by HTTP (not in this build)",
    .help = "This program was built without HTTP (the library coil-http).\n",
    .run = run,
};
