/* worker_env.h - what workers find in their environment.
 *
 * A worker inherits the manager's environment over fork and exec. Settings of a worker's
 * process that are the same for all of them and never change are put there, before the first
 * worker is started: what kind of place the access log goes to and its format, their user
 * (as UID:GID) and whether they filter their calls, whether the manager was told by flag, by
 * environment or not at all. config_from_args reads them in the worker. The admin token is
 * taken out and wiped.
 */
#ifndef WELDR_MANAGER_WORKER_ENV_H
#define WELDR_MANAGER_WORKER_ENV_H

#include "config/config.h"

/* WERR_NOT_FOUND: there is no such user; WERR_DENIED: a user is given, and only root can become
 * another; WERR_NOMEM. */
int worker_env_set(const struct config *config) MUST_USE;

#endif
