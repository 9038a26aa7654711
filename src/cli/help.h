/* help.h - what the commands say about themselves, made of commands.def and flags.def. */
#ifndef WELDR_CLI_HELP_H
#define WELDR_CLI_HELP_H

#include <stddef.h>

#include "cli/args.h"

/* "weldr server add URL [KEY=VALUE...]". */
void help_usage(const struct args_command *c, char *buf, size_t size);
void help_print_command(const struct args_command *c);
/* A line for each command of a noun; NULL: for all. */
void help_print_noun(const struct args_command *commands, const char *noun);
/* "weldr help". */
int help_all(const struct args *args, char *const *env);

#endif
