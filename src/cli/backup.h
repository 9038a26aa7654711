/* backup.h - "weldr cluster export FILE" and "weldr cluster import FILE": a cluster as one
 * file.
 *
 * {"exported", "revision", "cluster", "node", "key", "certificates": [{"name", "chain", "key",
 * "ocsp"}], "pools": […], "listeners": […]}: what POST /cluster/export tells, and the
 * description as "weldr export" prints it (whole.h). Private keys are closed (base/seal.h) with
 * the cluster's key, and that with the key of the node that was asked: import opens them with a
 * copy of its node.key. The file is made for its owner alone, and never one that is there.
 *
 * import sets the certificates first, for listeners name them, then does what apply does. It
 * removes no certificate, stops at the first refusal, and may be done again.
 */
#ifndef WELDR_CLI_BACKUP_H
#define WELDR_CLI_BACKUP_H

#include "cli/args.h"

int backup_export(const struct args *args, char *const *env);
int backup_import(const struct args *args, char *const *env);

#endif
