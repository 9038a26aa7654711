/* worker_env.h - what workers find in their environment.
 *
 * A worker inherits the manager's environment over fork and exec. Settings of a worker's
 * process that are the same for all of them and never change are put there, before the first
 * worker is started: where the access log goes (an absolute path) and its format, whether the
 * manager was told by flag, by environment or not at all. config_from_args reads them in the
 * worker. The admin token is taken out: workers get it over the channel.
 */
#ifndef WELDR_MANAGER_WORKER_ENV_H
#define WELDR_MANAGER_WORKER_ENV_H

#include "config/config.h"

/* Tries the access log, too, if it is a file: WERR_DENIED, WERR_NOT_FOUND … when it can't be
 * opened. WERR_NOMEM, WERR_TOO_BIG. */
int worker_env_set(const struct config *config) MUST_USE;

#endif
