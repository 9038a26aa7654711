/* routing.h - what becomes of a request of a listener: its rules and its default action, and
 * the pools that they name.
 *
 * The table of route/ has copies of all that it needs, so that requests go where they went
 * until the next one takes its place, whatever becomes of the description. It names pools;
 * which struct pool_runtime that is, is looked up once for each target and kept until a pool
 * comes or goes. Embedded in a listener_runtime. */
#ifndef WELDR_WORKER_ROUTING_H
#define WELDR_WORKER_ROUTING_H

#include <stdint.h>

#include "route/route.h"

struct listener;
struct worker;
struct pool_runtime;

enum { ROUTING_FOUND_N = 8 };

struct routing {
    struct route_table *table;    /* NULL: nothing is known yet */
    struct route_hit default_hit; /* without a rule: of every request */
    uint32_t rule_n;
    uint32_t pools_version; /* found is of this version of the worker's pools */
    struct routing_found {
        const struct rule_target *target;
        struct pool_runtime *pool;
    } found[ROUTING_FOUND_N]; /* by a hash of the target's address */
};

/* The listener is new or has changed, or one of its rules has. WERR_NOMEM: all is as it was. */
int routing_follow(struct routing *r, const struct worker *w,
                   const struct listener *described) MUST_USE;
void routing_fini(struct routing *r);
struct route_hit routing_match_rules(struct routing *r, const struct msg *head,
                                     const struct addr *source);
/* The rule that takes it, else the default action. */
static inline struct route_hit routing_match(struct routing *r, const struct msg *head,
                                             const struct addr *source)
{
    return r->rule_n > 0 ? routing_match_rules(r, head, source) : r->default_hit;
}
/* The pool whose turn it is in a forward action; NULL: it is gone. */
struct pool_runtime *routing_pick(struct routing *r, const struct worker *w,
                                  const struct route_hit *hit);

#endif
