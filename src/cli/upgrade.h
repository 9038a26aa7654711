/* upgrade.h - the command "weldr upgrade": another Weldr takes the place of one that runs. */
#ifndef WELDR_CLI_UPGRADE_H
#define WELDR_CLI_UPGRADE_H

#include "cli/args.h"

int upgrade_run(const struct args *args, char *const *env);
/* The file as the managers find it, who have another working directory: path of PATH_MAX. The
 * exit code. */
int upgrade_make_absolute(const char *file, char *path);

#endif
