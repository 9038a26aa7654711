/* listeners.h - where weldr listens: the addresses of its listeners.
 *
 * The description says which addresses a listener has; a struct listening is what this node has
 * made of one (listening.h). A change binds before it is proposed (listeners_prepare), so that
 * what the kernel refuses is refused with its reason and changes nothing; the sockets wait as
 * long as a change claims them (change.h); what was committed wins (listeners_follow):
 * sockets that were prepared are handed to the workers, those that are not in the description
 * any more are closed, and one that could not be bound is tried again. SO_REUSEPORT would let a
 * second weldr of the same user share a port in silence, so each address is first tried without
 * it.
 *
 * At the start (binding.h) --ip makes the addresses of the listener "default" (those with
 * ,proxy, when others are without, of a listener "proxy"): Default addresses may lack IPv6: the
 * proxy then listens on 0.0.0.0, the API on 127.0.0.1 alone. Each address is told in the log.
 * Clients speak first: a connection to the proxy is told of when its first bytes are there
 * (TCP_DEFER_ACCEPT), or after a second.
 */
#ifndef WELDR_MANAGER_LISTENERS_H
#define WELDR_MANAGER_LISTENERS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/timers.h"
#include "config/config.h"
#include "pool/pool_command.h"

struct listener;
struct manager;

/* Embedded in a change under way that may give the listener the addresses that were bound for
 * it; all zero: none. */
struct listeners_claim {
    LIST_ENTRY(listeners_claim) entry;
    char name[POOL_NAME_MAX + 1]; /* of the listener; empty: it is not on the list */
};

/* Addresses that were let go a moment ago: workers have heard of it, and close their sockets
 * when they have accepted what waits there. */
enum { LISTENERS_LEFT_N = 32, LISTENERS_LEFT_MS = 2000 };
struct listeners_left {
    struct {
        uint64_t until_ms; /* then it counts no more */
        uint16_t port;
    } at[LISTENERS_LEFT_N]; /* the newest, in a ring */
    unsigned next;
};

struct listeners {
    struct manager *m;
    struct timer again; /* addresses that could not be bound are tried again */
    LIST_HEAD(listeners_claims, listeners_claim) claims;
    struct listeners_left left;
    uint64_t looked_ms; /* listeners_health.h */
};

void listeners_init(struct listeners *ls, struct manager *m);
/* No change is under way any more. */
void listeners_fini(struct listeners *ls);

/* Steps of the start: 0 or the exit code, told in the log. */
int listeners_open_proxy(struct manager *m);
/* The command that puts the listener of the i-th of them into the description. False: there is
 * no need, it came with an earlier one or has addresses there. */
bool listeners_flag_command(const struct manager *m, unsigned i, struct pool_command *c);
/* All of them are proposed: sockets that the description has no use for are closed. */
void listeners_end_flags(struct manager *m);
/* What the configuration says of where we listen, before anything is open (own_address.h). */
void listeners_note_own(struct manager *m);
/* A change is about to be proposed: if it gives a listener addresses, binds those that the
 * listener has not. WERR_INVALID: one can't be bound; *error says which (field "addresses[1]")
 * and why, and nothing has changed. WERR_AGAIN: the same, and the address was one of ours until
 * now: it may be free in a moment. WERR_NOMEM, WERR_NO_FD. */
int listeners_prepare(struct manager *m, const struct pool_command *c,
                      struct pool_error *error) MUST_USE;
/* The change does nothing else: sockets that were prepared for the listener stay open until
 * listeners_release. */
void listeners_claim(struct manager *m, struct listeners_claim *claim, const char *name);
/* It is known what became of the change: closes what neither the description has nor another
 * change claims. No-op without a claim. */
void listeners_release(struct manager *m, struct listeners_claim *claim);
/* The same for a change that did not begin. */
void listeners_give_up(struct manager *m, struct span name);
/* A whole new state is about to be told to the workers, and the listener has another id in it:
 * its sockets go on as that one's. */
void listeners_renumber(struct manager *m, const struct listener *l);
/* It was applied. l: as it is now; NULL: removed. */
void listeners_follow(struct manager *m, const char *name, const struct listener *l);
/* Other VIPs are described: what is bound from now on at one may be absent here. */
void listeners_note_vips(struct manager *m);

#endif
