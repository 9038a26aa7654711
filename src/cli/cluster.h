/* cluster.h - the commands "weldr cluster …" that show more than a table. */
#ifndef WELDR_CLI_CLUSTER_H
#define WELDR_CLI_CLUSTER_H

#include "cli/args.h"

/* Of what GET /cluster tells, or a change that it responds to with that. */
int cluster_status(const struct args *args, char *const *env);
/* A new join token: on standard output alone. */
int cluster_token(const struct args *args, char *const *env);
/* Of the directory of a node that does not run, without the API. */
int cluster_recover(const struct args *args, char *const *env);
int cluster_rejoin(const struct args *args, char *const *env);
int cluster_repair(const struct args *args, char *const *env);

#endif
