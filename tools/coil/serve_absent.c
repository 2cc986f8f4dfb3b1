/* serve_absent.c - `coil serve` where libcoil-http was not built. */
#include "command.h"
#include "failure.h"

#include <stdio.h>

static int run(const struct command *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    fputs("coil: this coil was built without HTTP, and cannot serve\n", stderr);
    return STATUS_FAILED;
}

const struct command command_serve = {
    .name = "serve",
    .usage = "[FOLDER]",
    .line = "the files of a folder over HTTP (not in this build)",
    .help = "This coil was built without libcoil-http.\n",
    .run = run,
};
