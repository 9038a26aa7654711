/* offline.h - what is done to the directory of a node that does not run: `weldr cluster
 * recover` and `weldr cluster rejoin`. They print what they did and what comes next, or one
 * line of what is wrong, and return the exit code. */
#ifndef WELDR_MANAGER_OFFLINE_H
#define WELDR_MANAGER_OFFLINE_H

#include <stdbool.h>

/* Who the node is, and how far its log goes (cluster/stored.h). */
int offline_status(const char *data_dir, bool as_json);
/* The node becomes a cluster of one (cluster/recover.h). */
int offline_recover(const char *data_dir);
/* What the node has is moved aside (cluster/set_aside.h). */
int offline_rejoin(const char *data_dir);

#endif
