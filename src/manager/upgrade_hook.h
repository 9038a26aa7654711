/* upgrade_hook.h - what the engine calls when another member wants something of this one
 * (upgrade_here.c): for whoever makes the engine, which knows no more of upgrades. */
#ifndef WELDR_MANAGER_UPGRADE_HOOK_H
#define WELDR_MANAGER_UPGRADE_HOOK_H

#include "cluster/cluster.h"

/* Hook of the cluster; arg is the manager. */
void upgrade_hook_on_order(void *arg, const struct cluster_order *order, struct span request);

#endif
