/* resolve.h - addresses of the servers that are given by name, asked again and again. The only
 * file that knows c-ares.
 *
 * Each name has one query in flight at most, A and AAAA together (and /etc/hosts), and is asked
 * again when the shortest TTL of its answer is over, bounded to 1–60 s; after a failure sooner
 * (1 s, doubling to 60 s). A failing resolver takes nothing away: the last answer stays, the
 * owner is told why. Owner of the struct: the manager; addresses are handed over by copy.
 */
#ifndef WELDR_MANAGER_RESOLVE_H
#define WELDR_MANAGER_RESOLVE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/werr.h"

struct loop;

enum { RESOLVE_ADDRS_MAX = 16, RESOLVE_TTL_MIN_S = 1, RESOLVE_TTL_MAX_S = 60 };

struct resolve_hooks {
    /* The set of addresses is another than before (sorted, port filled in, n >= 1). */
    void (*on_addrs)(void *arg, uint64_t server_id, const struct addr *addrs, unsigned n);
    /* The query failed; has_old: an earlier answer still serves. why: a few words. */
    void (*on_failure)(void *arg, uint64_t server_id, const char *why, bool has_old);
    /* After a failure the same addresses came again. */
    void (*on_recovery)(void *arg, uint64_t server_id);
    void *arg;
};

struct resolve;

/* name_servers: "1.2.3.4:53,…" instead of those of the system, or NULL. WERR_NOMEM,
 * WERR_SYNTAX (name_servers). */
int resolve_new(struct resolve **out, struct loop *loop, const char *name_servers,
                const struct resolve_hooks *hooks) MUST_USE;
/* No hook is called any more. NULL allowed. */
void resolve_free(struct resolve *r);
/* Asks at once. host: as in the URL. WERR_NOMEM. */
int resolve_add(struct resolve *r, uint64_t server_id, const char *host,
                uint16_t port) MUST_USE;
/* No-op for an id that was never added. */
void resolve_remove(struct resolve *r, uint64_t server_id);

#endif
