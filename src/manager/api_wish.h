/* api_wish.h - from a command to its proposal: what every change of the management API passes.
 *
 * The query must be well, the command must check, and it must not take a usable server out of
 * rotation when that leaves fewer than the pool's min_active (409 would_empty_pool, unless
 * ?force=true). With ?dry_run=true that is all; else the command is proposed. Called by the
 * handlers of servers and pools.
 */
#ifndef WELDR_MANAGER_API_WISH_H
#define WELDR_MANAGER_API_WISH_H

#include "pool/pool_command.h"

struct api_conn;

/* Answers what is wrong, or proposes: then runs as in api_propose. Ends the command. */
void api_wish(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *ac));

#endif
