/* main.c - the program `coil`: which command it is, and the help. */
#include "command.h"
#include "failure.h"

#include <coil/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {&command_get, &command_ps, &command_pstree,
                                                 &command_serve};

enum { COUNT = sizeof commands / sizeof commands[0] };

static void print_overview(FILE *out)
{
    fputs("usage: coil COMMAND [OPTION...] [ARGUMENT...]\n\n", out);
    for (size_t i = 0; i < COUNT; i++) {
        fprintf(out, "  coil %-7s %-12s %s\n", commands[i]->name, commands[i]->usage,
                commands[i]->line);
    }
    fputs("  coil help    [COMMAND]    this, or more about a command\n"
          "  coil version              the version of coil\n",
          out);
}

void command_help(const struct command *command)
{
    printf("usage: coil %s [OPTION...] %s\n\n%s", command->name, command->usage, command->help);
}

int command_misused(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("coil: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    if (command) {
        fprintf(stderr, "; see: coil %s --help\n", command->name);
    } else {
        fputs("; see: coil --help\n", stderr);
    }
    return STATUS_USAGE;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int help(int argc, char **argv)
{
    const struct command *command = argc > 0 ? find(argv[0]) : NULL;

    if (command) {
        command_help(command);
    } else if (argc > 0) {
        return command_misused(NULL, "there is no command '%s'", argv[0]);
    } else {
        print_overview(stdout);
    }
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_overview(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || is_one_of(argv[1], "--help", "-h")) {
        return help(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "version") == 0 || is_one_of(argv[1], "--version", "-V")) {
        printf("coil %s\n", coil_version());
        return STATUS_OK;
    }
    command = find(argv[1]);
    if (!command) {
        return command_misused(NULL, "there is no command '%s'", argv[1]);
    }
    return command->run(command, argc - 1, argv + 1);
}
