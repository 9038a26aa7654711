/* check_settings.h - one number for all that the checks of a server are made by: with another
 * number they may end otherwise. The same over restarts, of equal descriptions. Pure.
 */
#ifndef WELDR_MANAGER_CHECK_SETTINGS_H
#define WELDR_MANAGER_CHECK_SETTINGS_H

#include "pool/pool.h"

/* h: the server's effective ones. */
uint64_t check_settings_hash(const struct pool_state *state, const struct pool_server *server,
                             const struct pool_health *h);

#endif
