/* cluster.h - agreement on commands: all that the manager sees of consensus.
 *
 * A table of operations behind which an engine stands: raft (raft_engine.h), which keeps all on
 * disk, solo (solo.c), a cluster of one in memory that commits a proposal at once, and in
 * builds with tests delayed (delayed.h), which takes its time and does what a cluster can do to
 * its caller. cluster_new chooses.
 *
 * Flow: start → on_restore, if there is a snapshot → on_commit for each stored entry →
 * on_settled. Then: propose(entry) → the engine commits → on_commit(index, entry) in every
 * manager, in index order, each once → the proposer's done. on_restore may replace the whole
 * state at any moment, also between an entry's commit and its done.
 *
 * Any callback may come before the call that caused it returns. A callback may call any
 * operation but start and free; on_commit and on_restore do not call propose. Owner: the
 * manager. Single-threaded, on the manager's loop.
 */
#ifndef WELDR_CLUSTER_CLUSTER_H
#define WELDR_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum { CLUSTER_ID_BYTES = 16 };

struct cluster;
struct conn_shared;
struct data_dir;
struct loop;

enum cluster_role {
    CLUSTER_FOLLOWER,
    CLUSTER_CANDIDATE, /* no leader is known */
    CLUSTER_LEADER
};

enum cluster_place {
    CLUSTER_VOTER,
    CLUSTER_STANDBY, /* has all, and no vote */
    CLUSTER_JOINING
};

enum { CLUSTER_VERSION_MAX = 24, CLUSTER_HEX_ID_MAX = 33, CLUSTER_SHARE_MAX = 16 * 1024 };

/* An order of another member, which is to be answered (cluster_ops.answer). */
struct cluster_order {
    uint64_t from, number;
};
enum { CLUSTER_ORDER_MAX = 8 * 1024, CLUSTER_ORDER_MS = 15000 };

struct cluster_member {
    uint64_t id;
    struct addr address; /* of the cluster's transport; family 0: it has none */
    bool is_self;
    bool is_leader;
    bool is_witness;
    bool is_placed;       /* its address is what an operator has said (place_member) */
    uint8_t place;        /* enum cluster_place */
    uint8_t level;        /* of features, the highest that it knows, as far as it was told */
    bool has_lag;         /* the leader knows it, and those that it tells */
    uint64_t lag;         /* entries that it has yet to store */
    uint64_t seen_ms_ago; /* UINT64_MAX: never; of self 0 */
    char version[CLUSTER_VERSION_MAX];
};

/* ---- virtual IPs: which node may hold which address ---- */

enum { CLUSTER_VIPS_MAX = 64, CLUSTER_VIP_PART_MS = 5000 };

/* An address that is described. */
struct cluster_vip_wish {
    struct addr address; /* port 0 */
};

/* Whether a node may hold virtual IPs. */
enum cluster_fitness {
    CLUSTER_UNFIT,   /* what it has goes to others at once */
    CLUSTER_LEAVING, /* it gets nothing, and parts in peace with what it has */
    CLUSTER_FIT
};

/* Why a node became the holder (cluster_vip_cause_word). */
enum cluster_vip_cause {
    CLUSTER_VIP_FIRST,         /* nobody held it before */
    CLUSTER_VIP_MOVED,         /* an operator said so: rebalancing leaves it there */
    CLUSTER_VIP_HOLDER_SILENT, /* the leader heard nothing of the one before, or it has died */
    CLUSTER_VIP_HOLDER_UNFIT,  /* the one before said that it is not fit (set_fitness) */
    CLUSTER_VIP_HOLDER_LEFT,   /* the one before is no member any more */
    CLUSTER_VIP_REBALANCED,    /* the one before held more than its part */
    CLUSTER_VIP_CAUSES
};

/* Why nobody may hold an address now, as far as this node knows (cluster_vip_wait_word). */
enum cluster_vip_wait {
    CLUSTER_VIP_HELD,       /* somebody may */
    CLUSTER_VIP_NO_LEADER,  /* this node knows of no leader, so no node gets a lease */
    CLUSTER_VIP_PAIR,       /* the same, in a pair: its only voter is away */
    CLUSTER_VIP_NO_LEVEL,   /* a member is older than virtual IPs */
    CLUSTER_VIP_HOLD_OFF,   /* the leader is new, or the lease of the holder before runs yet */
    CLUSTER_VIP_NOBODY_FIT, /* no member is live, serves and says that it is fit */
    CLUSTER_VIP_WAITS
};

/* A described address, as this node knows it. */
struct cluster_vip {
    struct addr address; /* port 0 */
    bool is_self;        /* holder is this node */
    /* Another node is to have it. This one may finish what its clients have under way, for
     * CLUSTER_VIP_PART_MS, and releases it then. Its lease goes on meanwhile. */
    bool is_parting;
    uint8_t cause;     /* enum cluster_vip_cause, of that assignment */
    uint8_t wait;      /* enum cluster_vip_wait */
    uint64_t holder;   /* id of the member that it is assigned to; 0: nobody */
    uint64_t epoch;    /* of that assignment: higher with each one; 0: there was none */
    uint64_t since_ms; /* of that assignment, wall clock of the leader; 0: there was none */
    /* This node may hold the address until then, in ns of CLOCK_BOOTTIME, and no ns longer. In
     * the past: it may not. UINT64_MAX: there is nobody else, for ever. Whoever holds asks
     * again before each refresh: it is extended several times within a lease, without a hook.
     */
    uint64_t lease_ns;
};

/* What others are told when this process has died and holds no address any more: a datagram,
 * and where to. */
enum { CLUSTER_TESTAMENT_TO_MAX = 16, CLUSTER_TESTAMENT_BYTES = 64 };
struct cluster_testament {
    unsigned to_n; /* 0: nobody is to be told */
    struct addr to[CLUSTER_TESTAMENT_TO_MAX];
    size_t len;
    char bytes[CLUSTER_TESTAMENT_BYTES];
};

/* Of a profile of elections, all in ms. An outage is what a client sees when the holder, or its
 * link, is lost without a word. Kernel and network come on top, some 10 ms. */
struct cluster_vip_times {
    uint32_t lease_ms;   /* how long a node may hold after the last word of the leader */
    uint32_t holdoff_ms; /* a new leader gives nothing of others away for so long */
    uint32_t outage_typical_ms, outage_worst_ms; /* the holder was the leader too */
};

/* profile: as in struct cluster_options. */
struct cluster_vip_times cluster_vip_times(uint8_t profile);
const char *cluster_vip_cause_word(uint8_t cause); /* "holder_silent" */
const char *cluster_vip_wait_word(uint8_t wait);   /* "no_leader"; of HELD "" */
const char *cluster_vip_wait_text(uint8_t wait);   /* a sentence for people; of HELD "" */

enum { CLUSTER_WHY_MAX = 192 };

/* A node that can't read what is to be applied next applies nothing more, until a Weldr that
 * can read it is started: the same entry comes first then. */
struct cluster_halt {
    bool is_halted;
    uint64_t index; /* of the entry, or of the snapshot; 0: it can't be told */
    uint8_t level;  /* of features, that is needed; 0: it can't be told */
    char version[CLUSTER_VERSION_MAX]; /* of a member that knows it; empty: no one is known */
    char why[CLUSTER_WHY_MAX];         /* a sentence for people */
};

/* What this process has seen since it began. */
struct cluster_tally {
    uint64_t leaders;        /* terms of which it has known who led, itself among them */
    uint64_t elections_won;  /* it came to lead */
    uint64_t elections_lost; /* it stood for election, and did not */
    struct cluster_snapshots {
        uint64_t n, ms; /* those that are on disk, and what they took */
        uint64_t failed_n;
    } taken, received; /* of its own state; of the leader's */
};

struct cluster_status {
    /* 32 hexadecimal digits; empty: the node was never one of several */
    char id[CLUSTER_HEX_ID_MAX];
    uint32_t incarnation;
    uint64_t term, applied;
    unsigned voters, quorum; /* how many there are, and how many of them must agree */
    bool has_quorum;         /* this node knows of a leader */
    bool was_removed;        /* this node is no member any more, as far as it has heard */
    bool was_recovered;  /* just before this process: recover.h has raised the incarnation */
    bool is_witness;     /* this node votes, and serves nobody: it was so when it joined */
    const char *profile; /* of the elections: "lan" */
    struct cluster_vip_times vip; /* of that profile */
    unsigned election_ms; /* so long without word of a leader, and another one is elected */
    uint64_t silent_ms;   /* so long it has heard of no other member, or runs; 0: it leads */
    uint8_t level;        /* of features (pool/levels.h), that all members use */
    uint8_t known_level;  /* the highest that this node knows */
    struct cluster_halt halt;
    struct addr address; /* at which other nodes reach this one; family 0: it does not listen */
    struct cluster_tally tally;
};

/* How a request to the engine ended. 0: it was committed, at index (of a barrier: all up to
 * index was handed over). Otherwise index is 0:
 * WERR_NOT_LEADER       nothing was done; cluster->ops->leader says who can do it
 * WERR_OUTCOME_UNKNOWN  it was stored and may still be committed, or never; the same request id
 *                       may be proposed again, for whoever applies entries applies an id once
 * WERR_NO_SPACE         the disk is full; nothing was done
 * WERR_HALTED           this node applies nothing more (struct cluster_halt); nothing was done
 * WERR_UNSUPPORTED      of a proposal: not all members know the level that it needs yet;
 *                       nothing was done
 * WERR_NOMEM            nothing was done
 * WERR_SHUTTING_DOWN    the engine ends; for a proposal it means as little as OUTCOME_UNKNOWN
 */
typedef void (*cluster_done_fn)(void *arg, int error, uint64_t index);
/* The same of a request for a text, which is borrowed for the call. */
typedef void (*cluster_text_fn)(void *arg, int error, struct span text);

/* What the engine asks of its owner, and tells. */
struct cluster_hooks {
    /* A committed entry, borrowed for the call. 0: it was taken. WERR_NOMEM: it was not, and
     * nothing has changed: solo takes the entry back and its proposer hears WERR_NOMEM; every
     * other engine comes again with the same entry before any other. WERR_UNSUPPORTED,
     * WERR_CORRUPT: it can't be read, and the engine hands over nothing more. */
    int (*on_commit)(void *arg, uint64_t index, struct span entry);
    /* The level of features that an entry needs; 0: any. NULL: all have 0. */
    uint8_t (*level_of)(void *arg, struct span entry);
    /* All of the owner's state, as of the last entry that it took: malloc'd bytes. It may be a
     * child that asks, forked for that, whose signals wait: nothing but memory is there. */
    int (*on_snapshot)(void *arg, char **bytes, size_t *len);
    /* The owner's state is the one in these bytes from now on, as of index. WERR_NOMEM: nothing
     * has changed and the engine comes again; WERR_CORRUPT, WERR_UNSUPPORTED: nothing has
     * changed and the engine hands over nothing more. */
    int (*on_restore)(void *arg, uint64_t index, struct span bytes);
    /* Comes first within start, then when the role or the leader has changed. */
    void (*on_role)(void *arg, enum cluster_role role);
    /* Once: what was stored when the engine started has been handed over. */
    void (*on_settled)(void *arg);
    /* The node has joined: secrets in what is agreed on are closed with this key from now on
     * (SEAL_KEY_BYTES, borrowed). Before the first entry. May be NULL. */
    void (*on_key)(void *arg, const unsigned char *key);
    /* Members, their places, the leader or the term have changed, or this node has halted: for
     * events and gauges. */
    void (*on_members)(void *arg);
    /* The engine is of no use any more: the node was removed from the cluster, which its status
     * says too (WERR_DENIED), or its join was refused or has failed. why: a sentence for
     * people. */
    void (*on_lost)(void *arg, int error, struct span why);
    /* Another member has shared this (cluster_ops.share), borrowed for the call. May be NULL.
     */
    void (*on_shared)(void *arg, uint64_t from, struct span bytes);
    /* Another member wants this of this node, borrowed for the call: answer is called once,
     * within this or later. May be NULL. */
    void (*on_order)(void *arg, const struct cluster_order *order, struct span request);
    /* The members in reach may be others from now on: whoever shares begins anew, for they know
     * nothing. May be NULL. */
    void (*on_reach)(void *arg);
    /* What cluster_ops.vips says is another thing than before: a holder, an epoch, why nobody
     * holds; a lease was given, taken back or has run out, but not that it was extended. Never
     * within vips, and also within set_vips, set_fitness and released. May be NULL. */
    void (*on_vips)(void *arg);
    void *arg;
};

/* Operations with a done return 0: it will be called, once; < 0 (an error as above): it will
 * not. */
struct cluster_ops {
    const char *name; /* "solo" */
    /* Once, before all else. */
    int (*start)(struct cluster *c);
    /* Copies the entry. request_id: CLUSTER_ID_BYTES, the same when the same is tried again. */
    int (*propose)(struct cluster *c, struct span entry, const uint8_t *request_id,
                   cluster_done_fn done, void *arg);
    /* What was committed before this call has been handed over when done is called: the owner's
     * state is fit for a read that must not be stale. */
    int (*barrier)(struct cluster *c, cluster_done_fn done, void *arg);
    enum cluster_role (*role)(const struct cluster *c);
    /* False: none is known. */
    bool (*leader)(const struct cluster *c, struct cluster_member *out);
    uint64_t (*index)(const struct cluster *c); /* last handed over */
    /* Fills up to max of them in the order of their ids; returns how many there are. */
    unsigned (*members)(const struct cluster *c, struct cluster_member *out, unsigned max);
    int (*add_member)(struct cluster *c, const struct cluster_member *member,
                      cluster_done_fn done, void *arg);
    /* These may be asked of any member, as may a proposal. WERR_NOT_FOUND: no member has the
     * id; WERR_IN_USE: another change of the members is under way. */
    /* WERR_INVALID: it is the last one; WERR_GUARD: it is the only one that votes. */
    int (*remove_member)(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg);
    /* A standby becomes a voter, in the place of the one that is silent for the longest if as
     * many vote as are to. WERR_EXISTS: it is one; WERR_GUARD: of two members one votes. */
    int (*promote)(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg);
    /* The member is to be called at this address, whatever it tells; NULL: where it tells
     * (moved.h). WERR_INVALID: nobody can be called there; WERR_EXISTS: it is another member's;
     * WERR_UNSUPPORTED: as of a proposal, or it keeps nothing. */
    int (*place_member)(struct cluster *c, uint64_t id, const struct addr *address,
                        cluster_done_fn done, void *arg);
    /* Another member leads from now on; id 0: whoever is fit. WERR_GUARD: it has no vote, or
     * nobody else has one; WERR_TIMEOUT: it did not take the lead in time. */
    int (*transfer)(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg);
    /* done's text: what a node joins with, once, for so many seconds. WERR_INVALID: this one
     * does not listen for others; WERR_UNSUPPORTED: it keeps nothing; WERR_TOO_BIG: there are
     * too many. */
    int (*make_token)(struct cluster *c, uint32_t lifetime_s, cluster_text_fn done, void *arg);
    /* Soft state: these bytes, at most CLUSTER_SHARE_MAX, to every other member, by way of the
     * leader. Nothing is kept or tried again: a member that is out of reach, or that takes too
     * little, does not get them, and without a leader nobody does. */
    void (*share)(struct cluster *c, struct span bytes);
    /* That member is to do this, at most CLUSTER_ORDER_MAX, which the engine does not look
     * into, and says something (done's text), by way of the leader: within CLUSTER_ORDER_MS.
     * WERR_NOT_FOUND: no such member; WERR_INVALID: it is this node, whose owner needs no
     * engine for that; WERR_UNREACHABLE: the leader has no link to it; WERR_UNSUPPORTED: a
     * member is older; WERR_IN_USE: too many wait. WERR_TIMEOUT, WERR_OUTCOME_UNKNOWN: it may
     * have been done. */
    int (*order)(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                 void *arg);
    /* What is said to such an order of another member. Who gave it may have gone. */
    void (*answer)(struct cluster *c, const struct cluster_order *order, struct span text);
    /* All addresses that are described, in any order, each once; of more than CLUSTER_VIPS_MAX
     * the rest is passed over. On every node, from what all have agreed on. */
    void (*set_vips)(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n);
    /* How fit this node is to hold any: its workers serve, it does not end, its link is up.
     * UNFIT at first. why: a word for the log of the leader, copied; NULL when it is FIT. */
    void (*set_fitness)(struct cluster *c, enum cluster_fitness fitness, const char *why);
    /* Fills up to max in the order of set_vips; returns how many there are. */
    unsigned (*vips)(const struct cluster *c, struct cluster_vip *out, unsigned max);
    /* The address goes to that member, which keeps it until it is lost or moved again; 0:
     * whoever is fit, but for the one that holds it. done comes when the move is agreed on: the
     * one before has let go by then, the next one holds within ms. 0 at once when it is so
     * already. WERR_NOT_FOUND: no such address or member; WERR_GUARD: that member, or any
     * other, is not fit or away; WERR_IN_USE: it is being moved; WERR_TIMEOUT: the one before
     * has not let go in time, and keeps it; WERR_UNSUPPORTED: a member is older. */
    int (*move_vip)(struct cluster *c, const struct addr *address, uint64_t id,
                    cluster_done_fn done, void *arg);
    /* This node has let the address go, parting with it, after its lease was taken back, or of
     * its own: another
     * one may hold it at once. It is not held again under the same epoch. After a lease has run
     * out nothing need be said, and nothing follows from it. */
    void (*released)(struct cluster *c, const struct addr *address);
    /* It changes with the members. Once it was sent this process gets no address again, so it
     * is to be sent only when it has died, or will never hold one. NULL: nobody else is there.
     */
    void (*testament)(const struct cluster *c, struct cluster_testament *out);
    void (*status)(const struct cluster *c, struct cluster_status *out);
    /* Every done still owed is called with WERR_SHUTTING_DOWN; no hook is. */
    void (*free)(struct cluster *c);
};

struct cluster {
    const struct cluster_ops *ops;
    struct cluster_hooks hooks;
};

/* What an engine with a directory is told of its surroundings. conns and the texts outlive it,
 * the token is borrowed for the call. */
struct cluster_options {
    struct conn_shared *conns;
    bool has_listen; /* for other nodes, at listen */
    struct addr listen;
    struct addr join; /* a member of the cluster to join; family 0: none */
    struct span token;
    bool is_witness;
    const char *version; /* of Weldr */
    uint8_t level;       /* of features, the highest that it knows; cluster_new sets it */
    /* Of the first node of a cluster; 0 lan, 1 fast, 2 wan. */
    uint8_t profile;
    const char *node_key_file; /* NULL: the directory has it */
    /* The process before this one handed over to it, and had heard what others say of them. */
    bool goes_on;
    /* Makes of the directory a cluster of one, and does nothing else (recover.h): on_settled
     * says that it is done, on_lost that it can't be. Nobody can call it. */
    bool recovers;
    uint32_t snapshot_ms; /* to encode a snapshot; then it is given up. 0: a minute */
    /* How long certificates of members last that this node signs; 0: 90 days. With a third of
     * that left a node renews its own. cluster_new sets it. */
    uint32_t certificate_s;
};

/* The engine of this process, not started: raft (raft_engine.h) in this directory, which is
 * open and outlives it, with these options, or, both NULL, one that keeps nothing. WERR_NOMEM;
 * WERR_SYNTAX: builds with tests choose that one by the environment variable WELDR_TEST_ENGINE
 * (delayed.h), which is malformed. In these builds WELDR_TEST_LEVEL makes of it a Weldr that
 * knows no more than that level of features (pool/levels.h), as an older one does, and
 * WELDR_TEST_CERTIFICATE says for how many seconds certificates of members last.
 */
int cluster_new(struct loop *loop, struct data_dir *dir, const struct cluster_options *options,
                const struct cluster_hooks *hooks, struct cluster **out) MUST_USE;
/* NULL: no memory. */
struct cluster *cluster_solo_new(const struct cluster_hooks *hooks);
/* Of solo, before it starts: it goes on from this state, which on_restore gets within start
 * (heap bytes, taken), as of index. */
void cluster_solo_begin_from(struct cluster *c, uint64_t index, char *snapshot, size_t bytes);

#endif
