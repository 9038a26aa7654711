/* rule.h - a rule of a listener: for which requests, and what becomes of them.
 *
 * Conditions mirror their JSON: an object holds when each of its members holds, a list within a
 * member when one of its entries does; "all" and "any" nest. An object without members holds
 * always. What the members mean for a request is in route/route.h; here are their values.
 * A listener's default action is a struct rule_action too.
 *
 *   host         "shop.example" or "*.shop.example", lower case, without a port
 *   path         exact; path_prefix ends at a segment: "/a" takes "/a" and "/a/b", not "/ab"
 *   method       "GET"
 *   header       {"name", and one of "value", "value_prefix", "present": true}
 *   query        {"key", "value"}
 *   source       a range of client addresses
 *
 * Owner: whoever initialised it; all strings belong to it. Pure.
 */
#ifndef WELDR_POOL_RULE_H
#define WELDR_POOL_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/span.h"
#include "base/werr.h"

enum rule_limits {
    RULE_PRIORITY_MAX = 50000,
    RULE_NAME_MAX = 64,
    RULE_CONDITIONS_MAX = 64, /* entries of all members, at all depths */
    RULE_DEPTH_MAX = 4,
    RULE_TEXT_MAX = 1024, /* bytes of a path or a value */
    RULE_FORWARD_MAX = 8,
    RULE_WEIGHT_MAX = 1000,
    RULE_BODY_MAX = 4096
};

struct rule_texts {
    char **at;
    uint32_t n;
};

enum rule_pair_test { RULE_PAIR_VALUE, RULE_PAIR_PREFIX, RULE_PAIR_PRESENT };

struct rule_pair {
    char *name;   /* of a field: lower case; of a query: its key */
    char *value;  /* NULL: PRESENT */
    uint8_t test; /* enum rule_pair_test */
};

struct rule_pairs {
    struct rule_pair *at;
    uint32_t n;
};

struct rule_ranges {
    struct cidr *at;
    uint32_t n;
};

/* n == 0: the member is not given. */
struct rule_conditions {
    struct rule_texts hosts, paths, path_prefixes, methods;
    struct rule_pairs headers, queries;
    struct rule_ranges sources;
    struct rule_conditions *all, *any;
    uint32_t all_n, any_n;
};

enum rule_action_type { RULE_FORWARD, RULE_REDIRECT, RULE_FIXED };

struct rule_target {
    char *pool;
    uint32_t weight; /* 0 to RULE_WEIGHT_MAX; the sum is not 0 */
};

/* Parts that are NULL are those of the request. {host}, {port}, {path} and {query} in a part
 * stand for the request's; the path's and the query's without the leading "/" and "?". */
struct rule_redirect {
    uint16_t status; /* 301, 302, 307, 308 */
    char *scheme;    /* "http", "https" */
    char *host, *port, *path, *query;
};

struct rule_fixed {
    uint16_t status; /* 200 to 599 */
    char *type;      /* of the content; NULL: text/plain */
    char *body;      /* NULL: none */
};

struct rule_action {
    uint8_t type; /* enum rule_action_type: which of the following is meant */
    struct rule_target *targets;
    uint32_t target_n;
    struct rule_redirect redirect;
    struct rule_fixed fixed;
};

struct rule {
    uint64_t id;       /* index of the entry that added it; shown as "r-<hex>" */
    uint32_t priority; /* 1 to RULE_PRIORITY_MAX, unique in its listener; the lowest first */
    char *name;        /* for people; NULL: none */
    struct rule_conditions conditions;
    struct rule_action action;
    uint64_t digest; /* hash of its encoding */
};

/* All zero: no name, no condition, forward to nothing (rule_action_init_forward gives it an
 * action). */
void rule_init(struct rule *rule);
void rule_fini(struct rule *rule); /* what it owns, not itself */
void rule_free(struct rule *rule); /* and itself; NULL allowed */
void rule_conditions_fini(struct rule_conditions *conditions);
void rule_action_fini(struct rule_action *action);
/* Forward to this pool, weight 1. WERR_NOMEM. */
int rule_action_init_forward(struct rule_action *action, struct span pool) MUST_USE;
/* Deep copies; *to is untouched when memory is short: WERR_NOMEM. The copy has the digest. */
int rule_copy(struct rule *to, const struct rule *from) MUST_USE;
int rule_conditions_copy(struct rule_conditions *to,
                         const struct rule_conditions *from) MUST_USE;
int rule_action_copy(struct rule_action *to, const struct rule_action *from) MUST_USE;
bool rule_conditions_equal(const struct rule_conditions *a, const struct rule_conditions *b);
bool rule_action_equal(const struct rule_action *a, const struct rule_action *b);
/* A path as rules compare it, which is how servers understand it: escapes of unreserved
 * characters undone, other escapes in capitals, dot segments and doubled slashes taken out (RFC
 * 3986 section 6.2.2). buf of at least path.len bytes; the result is in it or is path itself.
 */
struct span rule_path_normal(struct span path, char *buf);
const char *rule_action_word(enum rule_action_type type); /* "forward" */

#endif
