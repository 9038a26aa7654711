/* cli.h - the front of the program: from arguments to a role.
 *
 * main() calls cli_run with the program's arguments and a function for each role; flags are
 * read (config/config.h), a word that begins a command for the management API goes to
 * client.h, --help and --version are answered here, and a mistake ends with one
 * line on stderr and CLI_EXIT_USAGE. cli/ knows neither manager/ nor worker/: main.c hands them
 * in.
 */
#ifndef WELDR_CLI_CLI_H
#define WELDR_CLI_CLI_H

#include "cli/exits.h"
#include "cli/roles.h"

/* Returns the exit code of the process. env as for config_from_args. */
int cli_run(int argc, char *const *argv, char *const *env, const struct cli_roles *roles);

#endif
