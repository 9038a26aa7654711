/* views.h - what the nodes of a cluster see of the health of its servers, shared as soft state.
 *
 * Each node checks for itself (checks.h) and tells the others what it sees: what has changed at
 * once, all in turn VIEWS_QUIET_N servers a sending, and all without pause when somebody asks,
 * who knows nothing yet. It goes by the leader (cluster_ops.share); nothing of it is in the log
 * or on a disk. A node that was silent for three sendings and an election does not count any
 * more. A node without a leader hears nobody, so that its own view is what is left.
 *
 * With check.agree "majority" the workers go by what most of the nodes that are heard see, this
 * one included: the verdict in struct server_facts. In a tie, and alone, by the own view.
 * Whoever has changed what this node sees calls views_judge before the workers are told. What
 * the others tell is judged here, in slices, for there may be 10,000 servers.
 *
 * Owner: the manager.
 */
#ifndef WELDR_MANAGER_VIEWS_H
#define WELDR_MANAGER_VIEWS_H

#include "base/timers.h"
#include "manager/views_message.h"

struct manager;
struct pool;
struct pool_server;
struct server_facts;

enum {
    VIEWS_SEND_MS = 1000, /* at least so often, for others must hear that it lives */
    VIEWS_MORE_MS = 100,  /* at most so often */
    VIEWS_QUIET_N = 250,  /* servers in a sending without cause */
    VIEWS_CHANGED_MAX = 1000,
    VIEWS_LOOK_N = 500,    /* servers judged in a turn, … */
    VIEWS_VERDICTS_N = 25, /* … unless so many have another verdict, which is told to many */
    VIEWS_SHOWN_MAX = HEALTH_NODES_MAX + 1
};

struct views {
    struct manager *m;
    uint64_t life; /* of this process */
    uint64_t own_id;
    struct health_nodes nodes; /* the others */
    struct timer send, look;
    uint64_t sent_ms, due_ms; /* last and next sending */
    bool asks;
    uint64_t changed[VIEWS_CHANGED_MAX]; /* servers, to be sent next */
    uint32_t changed_n;
    uint64_t round_id;   /* the last of those that were sent in turn */
    uint32_t round_left; /* so many of them are to be sent without pause */
    uint64_t look_id;    /* the last that was judged */
    struct views_message_out out;
};

void views_init(struct views *v, struct manager *m);
void views_fini(struct views *v);

/* Hooks of the cluster; arg is the manager. */
void views_on_shared(void *arg, uint64_t from, struct span bytes);
void views_on_reach(void *arg);

/* What this node sees of the server may have changed. Notes that for the others, and sets the
 * verdict; true: it is another one, so the caller tells the workers. */
bool views_judge(struct manager *m, struct server_facts *f);
/* The same, and tells them; true: usable_note is the caller's. */
bool views_refresh(struct manager *m, struct server_facts *f);
/* The settings of a server's checks may be others. Tells the workers. */
void views_follow(struct manager *m, const struct pool *p, const struct pool_server *server,
                  struct server_facts *f);

/* This member was heard of lately: it is in reach, as far as this node can tell. */
bool views_hears(const struct manager *m, uint64_t id);

/* ---- to be shown ---- */

struct views_shown {
    uint64_t node; /* its id in the cluster */
    uint64_t since_us;
    bool is_self;
    const char *state; /* "active", "down", "unknown" */
};
/* By id; 0: there are no other nodes. */
unsigned views_show(const struct manager *m, const struct server_facts *f,
                    struct views_shown out[VIEWS_SHOWN_MAX]);

#endif
