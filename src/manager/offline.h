/* offline.h - what is done to the directory of a node that does not run: `weldr cluster status
 * --data-dir`, `recover`, `rejoin` and `repair`. They print what they found or did and what
 * comes next, or one line of what is wrong, and return the exit code. */
#ifndef WELDR_MANAGER_OFFLINE_H
#define WELDR_MANAGER_OFFLINE_H

#include <stdbool.h>

#include "pool/levels.h"

/* Of features, the highest that this program knows. */
enum { OFFLINE_LEVEL = LEVEL_NEWEST };

/* Who the node is, and how far its log goes (cluster/stored.h). */
int offline_status(const char *data_dir, bool as_json);
/* The node becomes a cluster of one (cluster/recover.h). */
int offline_recover(const char *data_dir);
/* What the node has is moved aside (cluster/set_aside.h). */
int offline_rejoin(const char *data_dir);
/* Starts again with what can be verified (cluster/repair.h). may_lose: --yes. */
int offline_repair(const char *data_dir, bool may_lose);
/* The key in a file (cluster/node_key.h): prints nothing when that goes well. */
int offline_open_node_key(const char *file, unsigned char *key);

#endif
