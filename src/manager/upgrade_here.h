/* upgrade_here.h - what this node does of an upgrade of the whole cluster (upgrade_order.h):
 * asked by another member, by way of the engine, or by its own API.
 *
 * Whoever leads the upgrade of all is a command (cli/roll.c) at one node's API. A node does
 * no more than it is told: it says how it is, looks at a program, or begins an upgrade of
 * itself, whose end the state tells, for the engine that would carry an answer goes with it.
 */
#ifndef WELDR_MANAGER_UPGRADE_HERE_H
#define WELDR_MANAGER_UPGRADE_HERE_H

#include "manager/upgrade_order.h"

struct manager;

/* said is borrowed for the call. */
typedef void (*upgrade_here_fn)(void *arg, const struct upgrade_said *said);

/* fn is called once, perhaps before this returns, unless upgrade_here_forget comes first, or
 * the manager ends. */
void upgrade_here_do(struct manager *m, const struct upgrade_order *order, upgrade_here_fn fn,
                     void *arg);
/* Nobody waits any more with this arg; what is under way goes on. */
void upgrade_here_forget(struct manager *m, const void *arg);

#endif
