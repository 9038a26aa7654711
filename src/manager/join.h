/* join.h - how this node becomes a member of a cluster, by its flags: --cluster-ip, --join,
 * --token, --join-token-file, --witness and --cluster-profile.
 *
 * Those of a join count for a directory that is new; one that has a node in it is a member, or
 * is alone, already. A name behind --join is looked up first, while weldr waits with its start.
 * The join itself is the engine's (cluster.h). Owner: start.
 */
#ifndef WELDR_MANAGER_JOIN_H
#define WELDR_MANAGER_JOIN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/timers.h"
#include "cluster/cluster.h"
#include "manager/join_progress.h"
#include "manager/secret_file.h"

enum { JOIN_NAME_MS = 30000 /* for the name of the member */ };

struct manager;
struct resolve;

struct join {
    struct manager *m;
    void (*on_found)(struct manager *m);
    struct resolve *resolve; /* NULL: nothing is looked up */
    struct timer timer;      /* its end, good or not */
    struct addr address;     /* of the member; family 0: not found yet */
    struct secret_file token;
    struct join_progress progress;
};

void join_init(struct join *j, struct manager *m, void (*on_found)(struct manager *m));
void join_fini(struct join *j);
/* Are the flags fit for the directory? 0 or the exit code, told to the caller. */
int join_check(struct join *j);
/* The name of a member has to be looked up before there can be an engine. */
bool join_needs_name(const struct join *j);
/* on_found is called when it is; where it can't be, the program ends. WERR_NOMEM. */
int join_find(struct join *j) MUST_USE;
/* For cluster_new; what it borrows is j's and the configuration's. */
void join_fill(const struct join *j, struct cluster_options *options);
/* From now on a terminal shows it, if this start is a join. */
void join_show(struct join *j);
/* This directory becomes one of a member of a cluster with this start. */
bool join_is_wanted(const struct manager *m);
/* The engine has what it needs: the token is forgotten. */
void join_forget_token(struct join *j);

#endif
