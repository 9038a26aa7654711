/* origin.h - how this process was started, so that a successor can be started alike.
 *
 * Arguments and environment as they were, before tokens in them are wiped, in memory that no
 * core file shows; and the path of the program: argv[0] as the shell would find it, with the
 * working directory in front and symbolic links as they are, so that a link that names another
 * version by now leads to that one. Owner: struct upgrade.
 */
#ifndef WELDR_MANAGER_ORIGIN_H
#define WELDR_MANAGER_ORIGIN_H

#include <limits.h>

#include "base/werr.h"

struct origin {
    char *memory; /* of base/seal.h: argv, env, and their texts */
    char **argv, **env;
    char path[PATH_MAX]; /* empty: it can't be told */
};

/* The lists end with NULL. WERR_NOMEM. */
int origin_note(struct origin *o, char *const *argv, char *const *env) MUST_USE;
void origin_fini(struct origin *o); /* zeroed is allowed */

#endif
