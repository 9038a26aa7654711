/* health.h - the command "weldr health": is the weldr of this machine ready? For checks that
 * look at nothing but an exit code, such as HEALTHCHECK of a container. */
#ifndef WELDR_CLI_HEALTH_H
#define WELDR_CLI_HEALTH_H

#include "cli/args.h"

enum { HEALTH_LIMIT_S = 3 /* for each step: connecting, sending, each part of the response */ };

/* CLI_EXIT_FAILURE and a line why: it is not, or nobody responds in time. */
int health_run(const struct args *args, char *const *env);

#endif
