/* members.h - the nodes of the cluster, as this one knows them: words, and what is told of
 * them.
 *
 * The engine keeps who belongs to the cluster (cluster.h) and says when something about that
 * has changed: members_look then compares it with what it was, and tells the events and the log
 * of each difference. A node that was never one of several has one member, itself, of which
 * nothing is told. Owner: the manager.
 */
#ifndef WELDR_MANAGER_MEMBERS_H
#define WELDR_MANAGER_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"

enum { MEMBERS_MAX = 32, MEMBERS_ID_TEXT = 17 };

struct manager;

struct members {
    struct cluster_member list[MEMBERS_MAX];
    unsigned n;
    uint64_t leader_id; /* 0: none is known */
    bool is_halted;     /* this node */
    bool was_recovered; /* … as was told */
};

/* What the engine says now; tells: of the differences, else they are as they are. */
void members_look(struct manager *m, struct members *seen, bool tells);

/* "follower": what it is in the cluster. */
const char *members_word(const struct cluster_member *member);
/* The same of this node, which knows whether it is without a leader: "candidate"; "removed". */
const char *members_own_word(const struct cluster *c);
/* It votes, and serves nobody: no workers, no listeners. c may be NULL: not known yet. */
bool members_is_witness(const struct cluster *c);
/* It was one, and has heard that it is none any more. */
bool members_was_removed(const struct cluster *c);
/* 0: it is no member, not yet or not any more. */
uint64_t members_own_id(const struct cluster *c);
/* 16 hexadecimal digits, and back. WERR_SYNTAX. */
void members_print_id(uint64_t id, char buf[MEMBERS_ID_TEXT]);
int members_read_id(struct span text, uint64_t *id) MUST_USE;
/* A sentence for people: why the cluster is less than it seems; NULL: it is not. */
const char *members_warning(const struct cluster *c);

#endif
