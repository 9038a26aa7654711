/* route.h - which rule of a listener takes a request, and what its action comes to.
 *
 * A table is compiled from the rules of one listener and its default action. Its rules are
 * looked up by host and path; of those that may take the request, the one with the lowest
 * priority number whose conditions all hold wins, as if all had been tried in order. With no
 * rule a match is a comparison. Matching allocates nothing.
 *
 * What is compared. Host: without port and final dot, in any case; "*.a.b" is any host below
 * a.b, at any depth. Path: up to "?", and as servers understand it: escapes of unreserved
 * characters undone, dot segments and doubled slashes taken out (RFC 3986 section 6.2.2), so
 * that no spelling goes round a rule; the server gets the path as the client sent it. A prefix
 * without a final "/" ends at a segment. Query: a parameter with this key and value, escapes
 * undone. Header: one line with this name, its whole value. Source: the client's address.
 *
 * Owner: whoever made the table; it has copies of rules and actions, to which a hit points. The
 * turns of weighted pools are in it, hence it is not const for route_pick; they carry over to a
 * new table where a rule keeps its pools and their weights. Pure.
 */
#ifndef WELDR_ROUTE_ROUTE_H
#define WELDR_ROUTE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/jtext.h"
#include "base/span.h"
#include "base/strb.h"
#include "base/werr.h"
#include "http/msg.h"
#include "pool/rule.h"

struct route_table;

struct route_request {
    struct span host;        /* as received, with its port; empty: none */
    struct span path, query; /* the query without its "?" */
    struct span method;
    const struct msg *head;    /* for its fields; NULL: none */
    const struct addr *source; /* NULL: not known */
};

struct route_hit {
    const struct rule *rule;          /* NULL: the default action */
    const struct rule_action *action; /* never NULL */
    uint32_t turn;                    /* for route_pick */
};

/* The parts of a request's head; they live as long as it. */
void route_request_init(struct route_request *r, const struct msg *head,
                        const struct addr *source);

/* Rules in the order of their priority. worker: number of this one, so that workers do not all
 * begin with the same pool. before: whose turns are taken over, or NULL. NULL: no memory. */
struct route_table *route_table_new(struct rule *const *rules, uint32_t n,
                                    const struct rule_action *default_action, unsigned worker,
                                    const struct route_table *before);
void route_table_free(struct route_table *t); /* NULL allowed */

struct route_hit route_match(struct route_table *t, const struct route_request *r);
/* The pool whose turn it is in a forward action: smoothly by weight, 0 gets none; moves on. */
const struct rule_target *route_pick(struct route_table *t, const struct route_hit *hit);
/* The same without moving on. */
const struct rule_target *route_peek(const struct route_table *t, const struct route_hit *hit);

/* Appends the Location of a redirect. secure: the request came by https. WERR_NOT_FOUND: it
 * takes a host and the request has none; WERR_TOO_BIG. Nothing of the request gets out that
 * could not stand in a URI. */
int route_redirect(const struct rule_redirect *redirect, const struct route_request *r,
                   bool secure, struct strb *out) MUST_USE;

/* Members for an open JSON object: "host", "path" as they are compared, "rule" that took it
 * (null: the default action), "passed_over": rules before it, each with the member that does
 * not hold (the last ROUTE_EXPLAIN_MAX of them), "action": word of the action, and "pools" with
 * their weights where it forwards. */
enum { ROUTE_EXPLAIN_MAX = 50 };
void route_explain(struct route_table *t, const struct route_request *r, struct jtext *out);
/* The same in short, as members of a structured field (RFC 8941 section 3.2): rule=10;id="r-5"
 * (or rule=default), passed-over=(5;fails=host), the last ROUTE_EXPLAIN_BRIEF_MAX of them,
 * action=forward, and where several pools are forwarded to pools=("green";weight=10 …), the
 * first ROUTE_EXPLAIN_BRIEF_MAX. */
enum { ROUTE_EXPLAIN_BRIEF_MAX = 8 };
void route_explain_brief(struct route_table *t, const struct route_request *r,
                         struct strb *out);

#endif
