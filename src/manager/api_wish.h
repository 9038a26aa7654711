/* api_wish.h - from a command to its proposal: what every change of the management API passes.
 *
 * The command must check, and what this host must do for it (sockets of
 * a listener) must be possible. A command that takes a server out of rotation carries what this
 * node knows of the pool's other servers, unless ?force=true: fewer usable ones than the pool's
 * min_active is refused (409 would_empty_pool), here and again by whoever applies it. With
 * ?dry_run=true that is all; else the command is proposed. Called by all handlers that change
 * the description.
 */
#ifndef WELDR_MANAGER_API_WISH_H
#define WELDR_MANAGER_API_WISH_H

#include "pool/pool_command.h"

struct api_conn;

/* Answers what is wrong, or proposes: then runs as in api_propose. Ends the command. */
void api_wish(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *ac));

#endif
