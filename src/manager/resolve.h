/* resolve.h - addresses of the servers that are given by name, asked again and again. The only
 * file that knows c-ares.
 *
 * The hosts file is asked first. A and AAAA are two queries of their own, each in flight at
 * most once, so that neither waits for the other: an answer is used at once (AAAA alone after
 * 50 ms) and what comes later is added. A family whose query fails keeps its last answer; one
 * that the name server says does not exist is empty; the name fails only when neither has an
 * address. It is asked again when the shortest TTL is over, bounded to 1–60 s; after a failure
 * sooner (1 s, doubling to 60 s). A failing resolver takes nothing away: the last answer stays,
 * the owner is told why. Owner of the struct: the manager; addresses are handed over by copy.
 */
#ifndef WELDR_MANAGER_RESOLVE_H
#define WELDR_MANAGER_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/werr.h"

struct loop;

enum { RESOLVE_ADDRS_MAX = 64, RESOLVE_TTL_MIN_S = 1, RESOLVE_TTL_MAX_S = 60 };

struct resolve_hooks {
    /* The set of addresses is another than before (sorted, port filled in, n >= 1). < 0: it
     * could not be taken over and is to be offered again. */
    int (*on_addrs)(void *arg, uint64_t server_id, const struct addr *addrs, unsigned n);
    /* There is no answer. has_old: an earlier one still serves. why: a few words. */
    void (*on_failure)(void *arg, uint64_t server_id, const char *why, bool has_old);
    /* After a failure the same addresses came again. */
    void (*on_recovery)(void *arg, uint64_t server_id);
    /* Why this address can't be used: a few words that live for ever; NULL: it can. */
    const char *(*refuse)(void *arg, const struct addr *addr);
    /* It was in an answer and is left out; called when that is news. */
    void (*on_refused)(void *arg, uint64_t server_id, const struct addr *addr, const char *why);
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
/* It was added and not removed. */
bool resolve_has(const struct resolve *r, uint64_t server_id);

#endif
