/* agree.h - what several nodes see of the health of a server, and what most of them see.
 *
 * Each node checks for itself and tells the others what it sees. A struct health_nodes holds
 * the nodes that were heard of, a struct health_views what they have said of one server. A node
 * that is silent for too long, or that was started again, does not count until it has said
 * everything anew: each of its views carries the epoch of the node in which it was said.
 *
 * Pure: time comes in as an argument. Owner: manager/views.h.
 */
#ifndef WELDR_HEALTH_AGREE_H
#define WELDR_HEALTH_AGREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"

/* What a node sees of a server. UNKNOWN: no check has judged it there; that is no vote. */
enum health_view { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN, HEALTH_VIEWS };

enum { HEALTH_NODES_MAX = 32 };

struct health_node {
    uint64_t id;   /* 0: free */
    uint64_t life; /* of its process: another one knows nothing of what this one has said */
    uint64_t heard_ms;
    uint32_t epoch;
    bool is_fresh; /* its views count */
};

struct health_nodes {
    struct health_node list[HEALTH_NODES_MAX];
};

/* What one node has said of a server. */
struct health_seen {
    uint64_t since_us; /* wall clock of that node */
    uint32_t epoch;
    uint8_t node; /* place in struct health_nodes */
    uint8_t view; /* enum health_view */
};

/* Zeroed: nobody has said anything. */
struct health_views {
    struct health_seen *list;
    uint8_t n;
};

struct health_votes {
    unsigned up, down;
};

/* A message of this node has come. Returns its place; *begins: it was silent before, or lives
 * anew, so that nothing counts of what it has said before. A new node takes the place of the
 * one that is silent for longest. WERR_TOO_BIG: as many others are fresh. */
int health_nodes_hear(struct health_nodes *all, uint64_t id, uint64_t life, uint64_t now_ms,
                      bool *begins) MUST_USE;
/* Those that were silent for limit_ms are not fresh any more; true when there was one. */
bool health_nodes_age(struct health_nodes *all, uint64_t now_ms, uint64_t limit_ms);
unsigned health_nodes_fresh_n(const struct health_nodes *all);

/* The node in this place says so. 1: that differs from what counted; 0: it does not.
 * WERR_NOMEM: nothing has changed. */
int health_views_set(struct health_views *v, const struct health_nodes *all, unsigned node,
                     enum health_view view, uint64_t since_us) MUST_USE;
/* The views that count, one after the other; after NULL the first. NULL: no more. */
const struct health_seen *health_views_next(const struct health_views *v,
                                            const struct health_nodes *all,
                                            const struct health_seen *after);
/* Zeroed again. */
void health_views_fini(struct health_views *v);

/* own: the view of the node that asks, one vote of all. */
struct health_votes health_votes_count(const struct health_views *v,
                                       const struct health_nodes *all, enum health_view own);
/* What more than half of the votes say; UNKNOWN: there is a tie, or no vote. */
enum health_view health_votes_majority(struct health_votes votes);

#endif
