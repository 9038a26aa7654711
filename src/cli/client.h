/* client.h - the commands for the management API: "weldr server add …" (commands.def). */
#ifndef WELDR_CLI_CLIENT_H
#define WELDR_CLI_CLIENT_H

#include "cli/args.h"

/* All rows of commands.def; ends with a NULL noun. */
extern const struct args_command client_commands[];

/* Does a command begin with this word? */
bool client_is_noun(const char *text);
/* argv[1] is one. Returns the exit code. */
int client_run(int argc, char *const *argv, char *const *env, const struct cli_roles *roles);

/* Those of commands.def. */
int client_read(const struct args *args, char *const *env);
int client_send(const struct args *args, char *const *env);
int client_explain(const struct args *args, char *const *env);
int client_events(const struct args *args, char *const *env);

#endif
