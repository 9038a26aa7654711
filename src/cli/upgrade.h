/* upgrade.h - the command "weldr upgrade": another Weldr takes the place of one that runs. */
#ifndef WELDR_CLI_UPGRADE_H
#define WELDR_CLI_UPGRADE_H

#include "cli/args.h"

int upgrade_run(const struct args *args, char *const *env);

#endif
