/* own_address.h - which addresses are Weldr's own, so that it is no server of its own pool: a
 * request would go round until something is used up, and a client of the proxy could call the
 * management API from a loopback address.
 *
 * Where listeners listen is known by their sockets (listening.h); listeners.c notes what the
 * configuration says, api_listen.c where the API listens; api_wish.c and the flags of servers
 * are refused by it, and names.c leaves such an address out of what a name stands for. A
 * listener on all addresses is met at each address of this machine; which those are is looked
 * at when it is asked for. Nothing of it is replicated. Owner: the manager.
 */
#ifndef WELDR_MANAGER_OWN_ADDRESS_H
#define WELDR_MANAGER_OWN_ADDRESS_H

#include <stdbool.h>

#include "base/addr.h"
#include "config/config.h"
#include "manager/listening.h"
#include "pool/pool.h"
#include "pool/pool_command.h"

struct own_addresses {
    struct addr at[4 * CONFIG_LIST_MAX]; /* of the configuration, and where the API is bound */
    unsigned n;
    const struct listenings *listenings; /* those of all listeners; NULL: none */
};

/* Once is enough; what is full or has port 0 (the kernel chooses) is not noted. */
void own_addresses_add(struct own_addresses *o, const struct addr *listener);
/* Would a connection to it come to one of the listeners? a: no wildcard, which nobody may have
 * as a server. */
bool own_address_is(const struct own_addresses *o, const struct addr *a);
/* Would a connection to it come to a listener at that address? */
bool own_address_meets(const struct addr *listener, const struct addr *a);
/* WERR_INVALID and the reason: the server is Weldr itself. A name is known by what it stands
 * for, but for localhost. */
int own_address_check(const struct own_addresses *o, const struct pool_server *server,
                      struct pool_error *error) MUST_USE;

#endif
