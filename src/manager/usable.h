/* usable.h - which servers can do their work as this node sees it, and what follows when none
 * can.
 *
 * Usable is a server of the pool that is enabled, has a weight, an address (of its name) and is
 * up. The pool's min_active guards against a change that leaves fewer: what is not
 * usable here goes with the command (api_wish.h), and pool_apply judges. When no server is
 * usable the workers fail open, unless the pool says otherwise: usable_note looks after each
 * change of the pool or of a server's health, and logs when that begins or ends.
 */
#ifndef WELDR_MANAGER_USABLE_H
#define WELDR_MANAGER_USABLE_H

#include <stdbool.h>
#include <stdint.h>

struct manager;
struct pool;
struct pool_server;

bool usable_is(const struct manager *m, const struct pool_server *server);
uint32_t usable_count(const struct manager *m, const struct pool *p);
/* All servers of the pool are down and get requests all the same. */
bool usable_is_fail_open(const struct manager *m, const struct pool *p);
/* The same of any pool, as last noted. */
bool usable_is_any_fail_open(const struct manager *m);
/* Something of the pool has changed. No-op when there is none of that id. */
void usable_note(struct manager *m, uint64_t pool_id);

#endif
