/* names.h - servers that are given by name: from resolve.h to facts, workers and log.
 *
 * follow.c says when such a server comes and goes. What is found goes into its facts (the
 * health checks use it) and to every worker; a server whose name was never resolved counts as
 * down. A failing resolver takes no address away; it is logged once, until it works again.
 */
#ifndef WELDR_MANAGER_NAMES_H
#define WELDR_MANAGER_NAMES_H

#include "base/werr.h"

struct manager;
struct pool_server;
struct server_facts;

/* WERR_NOMEM; WERR_SYNTAX: the setting --resolver. */
int names_start(struct manager *m) MUST_USE;
void names_stop(struct manager *m);
/* No-op for a server with an address. WERR_NOMEM. */
int names_add(struct manager *m, const struct pool_server *server,
              const struct server_facts *facts) MUST_USE;
void names_remove(struct manager *m, const struct server_facts *facts);

#endif
