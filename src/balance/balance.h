/* balance.h - which server gets the next request: a list of entries and a policy over them.
 *
 * The worker keeps one struct balance for each pool. One server that comes or goes is put in or
 * taken out where it stands; all else that changes rebuilds the list. A pick allocates nothing.
 * Entries carry an opaque pointer (the worker's origin) and a seat, the part of that origin in
 * which the load is kept. Down servers and those with weight 0 are not in the list. Pure: the
 * time, the key and the source of chance come with the question.
 *
 * Policies (a small file each, behind the table of balance_int.h):
 * - round_robin: equal weights alternate strictly; unequal weights are spread smoothly
 * (earliest deadline first: an entry of weight w is due every 1/w), never in bursts. O(1),
 * O(log n).
 * - least_outstanding: the fewest requests in flight for its weight; among equals the one that
 *   round robin would take. O(log n).
 * - p2c: of two by chance (each as likely as its weight) the better one by latency, as a peak
 *   EWMA, times what is in flight for its weight. O(1), with unequal weights O(log n).
 * - hash: a key always comes to the same server; one that comes or goes moves its own share
 *   of the keys and at most as much again. Nobody gets more than 5/4 of its share of what is in
 *   flight: the key's next server takes the rest. balance_hash.c has the cost and the reasons.
 *
 * A list is stale from balance_spoil on until balance_set. It may name targets and seats that
 * are gone, so nothing is picked from it; it still knows by key whose turn it was.
 */
#ifndef WELDR_BALANCE_BALANCE_H
#define WELDR_BALANCE_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "base/werr.h"

enum balance_policy {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_OUTSTANDING,
    BALANCE_P2C,
    BALANCE_HASH,
    BALANCE_POLICIES
};

/* The load of one server; owned by the caller, who keeps it as long as it is in a list that is
 * not stale. Zeroed at first; it outlives rebuilds. At most 65,535 requests are counted. */
struct balance_seat {
    uint32_t in_flight;
    uint32_t latency_us;    /* peak EWMA as of latency_at_us; 0: not known */
    uint64_t latency_at_us; /* of the caller's clock */
    uint32_t list, place;   /* internal: in which list, and where in it */
};

struct balance_entry {
    void *target;
    uint64_t key;              /* server id: keeps its turn over a rebuild */
    struct balance_seat *seat; /* round_robin does without */
    uint32_t weight;           /* 1–256 */
    uint32_t load;             /* internal: of the seat, where a policy compares it */
    uint64_t due;              /* internal: of the policy; virtual time of the next turn */
};

/* What a pick goes by. */
struct balance_ask {
    struct rand_state *rand; /* p2c */
    uint64_t now_us;         /* p2c: the clock of latency_at_us */
    uint64_t hash;           /* hash: of the request's key */
};

struct balance_ops;
struct balance_groups;

struct balance {
    const struct balance_ops *ops;
    struct balance_entry *entries; /* in the order of the policy */
    uint32_t n, cap;
    uint32_t next;      /* equal weights: whose turn */
    uint32_t other;     /* equal weights: where the next further attempt looks first */
    uint64_t now;       /* virtual time */
    bool equal;         /* all weights are the same */
    bool is_stale;      /* balance_spoil */
    uint32_t offset;    /* where this worker starts, so that workers do not march in step */
    uint32_t list;      /* number of the list: seats of an earlier one are not in it */
    uint32_t in_flight; /* of all in the list, where the policy asks */
    uint64_t weight;    /* of all in the list, where the policy asks */
    struct balance_groups *groups; /* hash */
};

void balance_init(struct balance *b, enum balance_policy policy, uint32_t worker_offset);
void balance_fini(struct balance *b);
/* Another policy from the next balance_set on; the list is stale if it is another one. */
void balance_set_policy(struct balance *b, enum balance_policy policy);
/* Targets and seats of the list may go from now on; nothing is picked until balance_set. */
void balance_spoil(struct balance *b);
/* Replaces the entries (copied; load and due are ignored). An entry whose key was there keeps
 * its place in turn. WERR_NOMEM leaves the old list (stale, if it was). */
int balance_set(struct balance *b, const struct balance_entry *entries, uint32_t n) MUST_USE;
/* One entry more or less, as a rebuild would have it, but at the cost of finding its place.
 * False: nothing was done, and it takes balance_set, since the list is stale or changes its
 * nature (its first or last entry, the first weight that differs, the last that did), or for
 * want of memory. The key must not, or must, be there. */
bool balance_add(struct balance *b, const struct balance_entry *entry) MUST_USE;
bool balance_remove(struct balance *b, uint64_t key) MUST_USE;

/* A request is at this server, or no more; whether the server is in the list or not. */
void balance_taken(struct balance *b, struct balance_seat *seat);
void balance_given_back(struct balance *b, struct balance_seat *seat);
/* A response has come after so long. A longer one counts at once, a shorter one by and by: half
 * of what is known is forgotten in 10 s. */
void balance_seat_heard(struct balance_seat *seat, uint64_t latency_us, uint64_t now_us);

/* Who gets the next request, and passes the turn on; NULL when there is none. */
void *balance_pick(struct balance *b, const struct balance_ask *ask);
/* May a further attempt go to this target? */
typedef bool balance_may_fn(const void *target, const void *arg);
/* For a further attempt, which takes nobody's turn: the best one that may; NULL when there is
 * none. Round robin of equal weights: each time from the next place on, so that what one server
 * drops is spread over all others. Hash: the key's next server. */
void *balance_pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                         const void *arg);
/* For the attempt after that: the first in order of keys, round from the greatest to the least,
 * that comes behind `after` and before `before` (both the same: all but that one) and may. The
 * same for all policies. */
void *balance_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg);

#endif
