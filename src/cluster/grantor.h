/* grantor.h - the leader's side of virtual IPs: assigns each to a member, and lets it hold.
 *
 * Two things are needed to hold an address. The assignment is in the roster: which member, and
 * an epoch (ROSTER_VIP). The grant is the leader's word, which ends by itself: until A + lease,
 * A being when the words were sent that a majority has acknowledged (lease.h). A grant is only
 * given for an assignment that is committed, that is to stay, and by a leader that is proven: a
 * barrier of its term has come back, so it has all that leaders before have assigned.
 *
 * To move an address: the holder is told to part with it, and keeps its grants meanwhile, for
 * GRANTOR_PART_NS at the most → no grants any more → released, or all grants over and a margin
 * (grants.h) → another assignment, with the next epoch → grants to the new holder. What the
 * holder is, a new leader finds in the roster; it grants to it when it asks, and lets the floor
 * pass before it gives away anything of one that does not.
 *
 * All of this rests on one thing: the address is gone from the node at the end of its lease,
 * and no later than a margin after it. Where manager and helper are both stopped, the kernel's
 * own life of an address (2 s, which takes up to 2.3 s; 1 s takes up to 1.3 s) is longer than a
 * lease of the profiles fast and lan, so it can't be what keeps that: a successor holds from
 * 0.6 s on, and can't tell a stopped node from one whose link is cut. Something that is not
 * stopped with them has to look at the end of the lease.
 *
 * Every time is now of CLOCK_BOOTTIME, in ns. No I/O, no clock. Owner: the engine, which brings
 * messages and commits assignments (raft_vips.c).
 */
#ifndef WELDR_CLUSTER_GRANTOR_H
#define WELDR_CLUSTER_GRANTOR_H

#include "cluster/cluster.h"
#include "cluster/grants.h"
#include "cluster/lease.h"
#include "cluster/vip_messages.h"

/* So long a member must be fit before others give it a part of what they hold. */
#define GRANTOR_SETTLED_NS UINT64_C(2000000000)
/* So long a holder may take to part with an address: its clients are told first. More than
 * CLUSTER_VIP_PART_MS, after which it lets go by itself. */
#define GRANTOR_PART_NS UINT64_C(6000000000)

struct grantor_server {
    uint64_t id;
    bool is_voter; /* else a standby; one that is joining is not in the list */
};

/* How a member is, as it said last; while this node leads. */
struct grantor_node {
    uint64_t id;
    uint64_t heard_ns;
    uint64_t fit_ns; /* it is fit since then; 0: it is not */
    bool may_part;   /* it is fit, or leaving */
    char why[VIP_WHY_MAX];
    uint8_t digest[VIP_DIGEST_BYTES]; /* of the process's secret, … */
    uint64_t digest_ns;               /* … as the member says since then */
    bool is_dead;                     /* that process has let all go, and gets nothing */
};

/* An address of the description, or one that was. */
struct grantor_vip {
    struct addr address;
    bool is_described;
    uint64_t target;         /* who is to have it; 0: nobody else */
    uint8_t cause;           /* enum cluster_vip_cause, of a move to there */
    uint64_t wanted;         /* where an operator wants it; 0: nowhere */
    uint64_t proposed_epoch; /* of an assignment that is under way; 0: none is */
    uint64_t part_ns;        /* the holder is to part with it, since then; 0: it is not */
    bool is_told;            /* … and was told so */
};

struct grantor {
    const struct roster *roster;
    uint64_t self;
    uint64_t lease_ns, margin_ns;
    uint64_t term;     /* 0: this node does not lead */
    uint64_t step_ns;  /* of the last step */
    uint64_t awake_ns; /* this node itself was silent before: that others were, says nothing */
    bool is_proven;
    uint64_t predecessor; /* who led in the term before has died; to be buried; 0: has not */
    uint8_t predecessor_digest[VIP_DIGEST_BYTES];
    bool has_wishes; /* they were told: without, all addresses would be of the past */
    struct lease lease;
    struct grants grants;
    unsigned server_n, node_n, vip_n;
    struct grantor_server servers[ROSTER_MEMBERS_MAX];
    struct grantor_node nodes[ROSTER_MEMBERS_MAX];
    struct grantor_vip vips[2 * ROSTER_VIPS_MAX];
};

/* The roster is borrowed, and looked at in each call. */
void grantor_init(struct grantor *g, const struct roster *roster, uint64_t self);
void grantor_set_times(struct grantor *g, uint64_t lease_ns, uint64_t margin_ns);
/* All that are described. */
void grantor_set_wishes(struct grantor *g, const struct cluster_vip_wish *wishes, unsigned n);
/* Of the log's configuration; before each of the calls below. */
void grantor_set_servers(struct grantor *g, const struct grantor_server *servers, unsigned n);

/* This node leads in this term, and does not any more. */
void grantor_lead(struct grantor *g, uint64_t term, uint64_t now_ns);
void grantor_stop(struct grantor *g);
/* A barrier of that term has come back. */
void grantor_prove(struct grantor *g);
/* Proven, told what is described, and its own lease is fresh. */
bool grantor_is_ready(const struct grantor *g, uint64_t now_ns);

/* A member's question (this node's own, too), and the response to it. */
void grantor_ask(struct grantor *g, uint64_t from, const struct vip_ask *m, uint64_t now_ns,
                 struct vip_grant *out);

/* The process of this member whose secret has the digest holds nothing any more, nor will it:
 * all that is assigned to it is released. False: nothing follows. It is not the process that
 * the leader has heard last, and that alone for as long as anything else of the member could
 * hold; or that is known. */
bool grantor_bury(struct grantor *g, uint64_t id, const uint8_t *digest, uint64_t now_ns);
/* The same of who led in the term just before; follows when this leader is proven. After
 * grantor_lead, before any question. */
void grantor_bury_predecessor(struct grantor *g, uint64_t id, const uint8_t *digest);

/* What is to be done, as far as it can be: assignments to be committed, without since
 * (holder 0: to be forgotten), at most ROSTER_VIPS_MAX; returns how many. Each is under way
 * until the roster has its epoch, or it has failed. */
unsigned grantor_step(struct grantor *g, uint64_t now_ns, struct roster_vip *out);
void grantor_failed(struct grantor *g, const struct addr *address);
/* Behind a step: this member holds something that it is to let go, or is to get something. */
bool grantor_must_nudge(const struct grantor *g, uint64_t id, uint64_t now_ns);

/* An operator wants the address there; id 0: with whoever is fit, but for its holder. *id is
 * the member. WERR_NOT_FOUND, WERR_GUARD, WERR_IN_USE as cluster_ops.move_vip; 1: it is there.
 */
int grantor_want(struct grantor *g, const struct addr *address, uint64_t *id,
                 uint64_t now_ns) MUST_USE;
/* It stays where it is, unless its move is under way. */
void grantor_unwant(struct grantor *g, const struct addr *address);
/* Why nobody may hold it, as far as the leader knows. */
enum cluster_vip_wait grantor_wait(const struct grantor *g, const struct addr *address,
                                   uint64_t now_ns);

#endif
