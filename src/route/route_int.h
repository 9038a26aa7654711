/* route_int.h - what the files of route/ share: route_request.c (what of a request is
 * compared), route_conditions.c (does it hold), route_table.c (which rules come into
 * question), route_turn.c (weights), route_redirect.c, route_explain.c. */
#ifndef WELDR_ROUTE_ROUTE_INT_H
#define WELDR_ROUTE_ROUTE_INT_H

#include "route/route.h"

enum { ROUTE_HOST_MAX = 255, ROUTE_PATH_MAX = 64 * 1024 };

/* A request as it is compared. */
struct route_view {
    const struct route_request *request;
    struct span host; /* lower case, no port */
    struct span path; /* normal */
    char host_text[ROUTE_HOST_MAX + 1];
};

/* route_request.c */
/* path_buf of ROUTE_PATH_MAX holds the path if it is not normal already. */
void route_view_init(struct route_view *v, const struct route_request *r, char *path_buf);
struct span route_host_without_port(struct span host);
/* Of the host; empty: none. */
struct span route_host_port(struct span host);

/* route_conditions.c */
/* NULL: they hold; else the member that does not. */
const char *route_conditions_fail(const struct rule_conditions *c, const struct route_view *v);

/* route_table.c */
uint32_t route_table_rule_n(const struct route_table *t);
const struct rule *route_table_rule(const struct route_table *t, uint32_t i);
char *route_table_path_buf(struct route_table *t);

/* route_turn.c: whose turn it is among the pools of an action. */
struct route_turn {
    uint64_t rule_id; /* UINT64_MAX: the default action */
    uint64_t targets; /* hash of pools and weights */
    int32_t due[RULE_FORWARD_MAX];
};
void route_turn_init(struct route_turn *turn, const struct rule *rule,
                     const struct rule_action *action, unsigned worker);
/* Goes on where the other one is, if it is of the same rule with the same pools. */
bool route_turn_take(struct route_turn *turn, const struct route_turn *before);
uint32_t route_turn_peek(const struct route_turn *turn, const struct rule_action *action);
uint32_t route_turn_next(struct route_turn *turn, const struct rule_action *action);

#endif
