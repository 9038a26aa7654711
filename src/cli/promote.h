/* promote.h - "weldr cluster promote": a standby becomes a voter; with --force the second of a
 * pair goes on alone, after its operator has said that the first one is off. */
#ifndef WELDR_CLI_PROMOTE_H
#define WELDR_CLI_PROMOTE_H

#include "cli/args.h"

int promote_run(const struct args *args, char *const *env);

#endif
