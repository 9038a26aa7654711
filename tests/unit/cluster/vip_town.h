/* vip_town.h - several nodes that share virtual IPs, in a model of time, links and elections.
 *
 * What decides who may hold (grantor.c, holding.c, the roster) is the real thing. Around it is
 * a model that is worse than libraft and TCP are: an election takes place whenever a majority
 * can be reached, whatever the timers say; messages are late by up to seconds, for a link that
 * is cut keeps them; a new leader knows an old roster until its barrier; a node is stopped at
 * any time, and its addresses stay until its helper, which is not stopped, drops them at the
 * end of the lease, and up to a margin later. A manager that is killed begins anew at once;
 * what it has sent is on its way yet, and its testament comes at any time, or never, and more
 * than once. One step is a ms.
 */
#ifndef WELDR_TESTS_VIP_TOWN_H
#define WELDR_TESTS_VIP_TOWN_H

#include "roster_fixture.h"

#include "base/rand.h"
#include "cluster/grantor.h"
#include "cluster/holding.h"
#include "pool/levels.h"

enum {
    TOWN_MAX = 5,
    TOWN_VIPS_MAX = 5,
    TOWN_LOG_MAX = 4096,
    TOWN_QUEUE_MAX = 512,
    TOWN_DATAGRAMS_MAX = 64,
    ELECTION_MS = 300,
    ASK_MS = 25,
    LEASE_MS = 240,
    MARGIN_MS = 40,
    DROP_MS_MAX = MARGIN_MS - 2 /* what a helper takes to drop an address */
};

struct town_message {
    uint64_t due_ms;
    bool is_ask, is_nudge;
    uint64_t process; /* of the sender */
    struct vip_ask ask;
    struct vip_grant grant;
};

/* A testament on its way. */
struct town_datagram {
    uint64_t due_ms; /* 0: free */
    unsigned from, to;
    uint8_t digest[VIP_DIGEST_BYTES];
};

/* One direction between two nodes: in order, and nothing is lost. */
struct town_queue {
    unsigned first, n;
    struct town_message *list[TOWN_QUEUE_MAX];
};

struct town_address {
    uint64_t until_ns; /* of the node's own clock, as its helper was told; 0: not there */
    uint64_t drop_ms;  /* the manager has told it to drop it: gone then */
    bool is_dropping;
    uint64_t part_ms; /* it parts with it, until then; 0: it does not */
};

struct town_node {
    uint64_t id;
    bool is_stopped, is_fit, is_leaving, must_ask;
    unsigned part_ms;   /* what it takes to part with an address */
    uint64_t offset_ns; /* of its clock */
    uint64_t term;
    bool leads;
    uint64_t leader;            /* whom it follows; 0: nobody */
    uint64_t heard_ms, wait_ms; /* of a leader; how long without */
    unsigned applied;
    struct roster *roster;
    struct holding holding;
    struct grantor grantor;
    uint64_t process; /* how often it has begun: its secret */
    uint64_t dead_term;
    unsigned dead; /* who led in that term, and has died */
    uint8_t dead_digest[VIP_DIGEST_BYTES];
    uint64_t ask_ms;
    struct town_address addresses[TOWN_VIPS_MAX];
    unsigned proposed_n;
    struct roster_vip proposed[2 * TOWN_VIPS_MAX];
};

struct town {
    struct rand_state rand;
    uint64_t ms;
    unsigned n, voters, vip_n;
    struct town_node nodes[TOWN_MAX];
    bool is_cut[TOWN_MAX][TOWN_MAX]; /* from, to */
    struct town_queue queues[TOWN_MAX][TOWN_MAX];
    struct town_datagram datagrams[TOWN_DATAGRAMS_MAX];
    unsigned buried_n; /* testaments that the leader has taken */
    unsigned late_ms;  /* the most that a message takes */
    unsigned slow;     /* what libraft does takes so many times as long */
    unsigned log_n;
    struct roster_command log[TOWN_LOG_MAX];
    uint64_t last_term;
    unsigned shared_n; /* times at which an address was on two nodes */
    uint64_t assigned_n;
};

static inline uint64_t town_clock(const struct town *t, const struct town_node *n)
{
    return t->ms * 1000000 + n->offset_ns;
}

static inline bool town_reaches(const struct town *t, unsigned a, unsigned b)
{
    return !t->is_cut[a][b] && !t->is_cut[b][a] && !t->nodes[a].is_stopped &&
           !t->nodes[b].is_stopped;
}

/* ---- the roster, as each node has it ---- */

static inline void town_commit(struct town *t, const struct roster_command *c)
{
    assert_in_range(t->log_n, 0, TOWN_LOG_MAX - 1);
    t->log[t->log_n++] = *c;
}

static inline void town_apply(struct town *t, struct town_node *n, unsigned to)
{
    while (n->applied < to) {
        const int rc = roster_apply(n->roster, &t->log[n->applied++]);

        assert_true(rc == 0 || rc == WERR_STALE); /* of a leader that was not the last one */
    }
}

static inline void town_found(struct town *t)
{
    struct roster_command c = command_make();

    town_commit(t, &c);
    c = command_admit(1, 0, 1);
    c.member.level = LEVEL_VIPS;
    town_commit(t, &c);
    for (unsigned i = 2; i <= t->n; i++) {
        c = command_token(i, 1, 100);
        town_commit(t, &c);
        c = command_admit(i, i, 1);
        c.member.level = LEVEL_VIPS;
        town_commit(t, &c);
    }
    c = (struct roster_command){.type = ROSTER_LEVEL, .member = {.level = LEVEL_VIPS}};
    town_commit(t, &c);
}

static inline struct town *town_new(uint64_t seed, unsigned n, unsigned voters, unsigned vip_n)
{
    struct town *t = calloc(1, sizeof(*t));
    struct cluster_vip_wish wishes[TOWN_VIPS_MAX];
    struct grantor_server servers[TOWN_MAX];

    assert_non_null(t);
    rand_seed(&t->rand, seed);
    t->n = n;
    t->voters = voters;
    t->vip_n = vip_n;
    t->late_ms = 10;
    t->slow = 1;
    town_found(t);
    for (unsigned i = 0; i < vip_n; i++)
        wishes[i].address = vip_address(i);
    for (unsigned i = 0; i < n; i++)
        servers[i] = (struct grantor_server){i + 1, i < voters};
    for (unsigned i = 0; i < n; i++) {
        struct town_node *node = &t->nodes[i];

        node->id = i + 1;
        node->is_fit = true;
        node->offset_ns = rand_below(&t->rand, 1000) * 1000000000 + 1;
        node->roster = roster_new();
        assert_non_null(node->roster);
        town_apply(t, node, t->log_n);
        grantor_init(&node->grantor, node->roster, node->id);
        grantor_set_times(&node->grantor, LEASE_MS * UINT64_C(1000000),
                          MARGIN_MS * UINT64_C(1000000));
        grantor_set_wishes(&node->grantor, wishes, vip_n);
        grantor_set_servers(&node->grantor, servers, n);
        node->wait_ms = ELECTION_MS + rand_below(&t->rand, ELECTION_MS);
    }
    return t;
}

static inline void town_queue_clear(struct town_queue *q)
{
    for (; q->n > 0; q->n--, q->first = (q->first + 1) % TOWN_QUEUE_MAX)
        free(q->list[q->first]);
}

static inline void town_free(struct town *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        roster_free(t->nodes[i].roster);
        for (unsigned k = 0; k < t->n; k++)
            town_queue_clear(&t->queues[i][k]);
    }
    free(t);
}

/* ---- elections: of the model ---- */

static inline void town_see_term(struct town_node *n, uint64_t term)
{
    if (term <= n->term)
        return;
    n->term = term;
    if (n->leads)
        grantor_stop(&n->grantor);
    n->leads = false;
    n->proposed_n = 0;
}

/* A majority that is in no later term than this; they are in it from now on. */
static inline bool town_has_majority(struct town *t, unsigned who, uint64_t term)
{
    bool agrees[TOWN_MAX] = {false};
    unsigned n = 0;

    for (unsigned i = 0; i < t->voters; i++) {
        agrees[i] = (i == who || town_reaches(t, who, i)) && t->nodes[i].term <= term;
        n += agrees[i];
    }
    if (n < t->voters / 2 + 1)
        return false;
    for (unsigned i = 0; i < t->voters; i++) {
        if (agrees[i])
            town_see_term(&t->nodes[i], term);
    }
    return true;
}

static inline void town_elect(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];
    const uint64_t term = t->last_term + 1;

    if (who >= t->voters || n->is_stopped || !town_has_majority(t, who, term))
        return;
    t->last_term = term;
    n->leads = true;
    n->leader = n->id;
    n->proposed_n = 0;
    grantor_lead(&n->grantor, term, town_clock(t, n));
    if (n->dead_term != 0 && n->dead_term + 1 == term)
        grantor_bury_predecessor(&n->grantor, n->dead + 1, n->dead_digest);
}

static inline void town_follow(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];

    for (unsigned i = 0; i < t->n; i++) {
        struct town_node *l = &t->nodes[i];

        if (i == who || !town_reaches(t, i, who))
            continue;
        if (n->leads || !l->leads || l->term < n->term) {
            if (n->leads && rand_below(&t->rand, t->slow) == 0)
                town_see_term(n, l->term);
            continue;
        }
        if (n->leader != l->id && rand_below(&t->rand, t->slow) != 0)
            continue;
        town_see_term(n, l->term);
        n->heard_ms = t->ms;
        if (rand_below(&t->rand, t->slow) == 0)
            town_apply(t, n, l->applied > n->applied ? l->applied : n->applied);
        if (n->leader != l->id)
            holding_forget_asks(&n->holding);
        n->leader = l->id;
    }
    if (!n->leads && t->ms - n->heard_ms > n->wait_ms) {
        n->leader = 0;
        n->heard_ms = t->ms;
        n->wait_ms = ELECTION_MS + rand_below(&t->rand, ELECTION_MS);
        town_elect(t, who);
    }
}

static inline void town_write_digest(const struct town_node *n, uint8_t *digest)
{
    memset(digest, 0, VIP_DIGEST_BYTES);
    digest[0] = (uint8_t)n->id;
    memcpy(digest + 8, &n->process, sizeof(n->process));
}

/* ---- messages ---- */

static inline struct town_message *town_post(struct town *t, unsigned from, unsigned to)
{
    struct town_queue *q = &t->queues[from][to];
    struct town_message *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    assert_in_range(q->n, 0, TOWN_QUEUE_MAX - 1);
    m->due_ms = t->ms + 1 + rand_below(&t->rand, t->late_ms);
    m->process = t->nodes[from].process;
    q->list[(q->first + q->n++) % TOWN_QUEUE_MAX] = m;
    return m;
}

static inline void town_ask(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];
    struct vip_ask ask;

    (void)holding_set_fitness(&n->holding,
                              n->is_fit       ? CLUSTER_FIT
                              : n->is_leaving ? CLUSTER_LEAVING
                                              : CLUSTER_UNFIT,
                              n->is_fit ? NULL : "draining");
    n->must_ask = false;
    n->ask_ms = t->ms + ASK_MS;
    if (n->leader == 0 || (!n->leads && t->queues[who][n->leader - 1].n > TOWN_QUEUE_MAX / 2))
        return;
    holding_ask(&n->holding, n->roster, n->term, town_clock(t, n), &ask);
    town_write_digest(n, ask.digest);
    if (!n->leads) {
        struct town_message *m = town_post(t, who, (unsigned)n->leader - 1);

        m->is_ask = true;
        m->ask = ask;
        return;
    }
    struct vip_grant grant;
    grantor_ask(&n->grantor, n->id, &ask, town_clock(t, n), &grant);
    (void)holding_take(&n->holding, n->roster, &grant, town_clock(t, n));
}

static inline void town_hear(struct town *t, unsigned from, unsigned to,
                             const struct town_message *m)
{
    struct town_node *n = &t->nodes[to];

    if (m->is_nudge) {
        n->must_ask = true;
    } else if (m->is_ask && n->leads) {
        struct vip_grant grant;

        grantor_ask(&n->grantor, from + 1, &m->ask, town_clock(t, n), &grant);
        town_write_digest(n, grant.digest);
        if (m->process == t->nodes[from].process) /* else its link is gone */
            town_post(t, to, from)->grant = grant;
    } else if (!m->is_ask && n->leader == from + 1) {
        const bool is_first = n->holding.stamp_term != m->grant.term;

        (void)holding_take(&n->holding, n->roster, &m->grant, town_clock(t, n));
        n->must_ask |= is_first;
    }
}

static inline void town_deliver(struct town *t, unsigned from, unsigned to)
{
    struct town_queue *q = &t->queues[from][to];

    while (q->n > 0 && !t->is_cut[from][to] && !t->nodes[to].is_stopped &&
           q->list[q->first]->due_ms <= t->ms) {
        struct town_message *m = q->list[q->first];

        q->first = (q->first + 1) % TOWN_QUEUE_MAX;
        q->n--;
        town_hear(t, from, to, m);
        free(m);
    }
}

/* ---- managers that are killed ---- */

static inline void town_send_testament(struct town *t, unsigned from, unsigned to,
                                       const uint8_t *digest, uint64_t due_ms)
{
    for (unsigned i = 0; i < TOWN_DATAGRAMS_MAX; i++) {
        if (t->datagrams[i].due_ms != 0)
            continue;
        t->datagrams[i] = (struct town_datagram){due_ms, from, to, {0}};
        memcpy(t->datagrams[i].digest, digest, VIP_DIGEST_BYTES);
        return;
    }
}

/* Its helper has let all go, and tells; the next process begins at once. What was on its way to
 * the one before is lost with its links. */
static inline void town_kill(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];
    uint8_t digest[VIP_DIGEST_BYTES];

    town_write_digest(n, digest);
    for (unsigned i = 0; i < t->n; i++) {
        town_queue_clear(&t->queues[i][who]);
        if (i == who || t->is_cut[who][i])
            continue;
        town_send_testament(t, who, i, digest, t->ms + 1 + rand_below(&t->rand, t->late_ms));
        if (rand_below(&t->rand, 4) == 0)
            town_send_testament(t, who, i, digest, t->ms + 1 + rand_below(&t->rand, 2000));
    }
    n->process++;
    grantor_stop(&n->grantor);
    n->leads = false;
    n->leader = 0;
    n->dead_term = 0;
    n->heard_ms = t->ms;
    n->proposed_n = 0;
    memset(&n->holding, 0, sizeof(n->holding));
    memset(n->addresses, 0, sizeof(n->addresses));
}

static inline void town_hear_testament(struct town *t, const struct town_datagram *d)
{
    struct town_node *n = &t->nodes[d->to];
    const struct holding *h = &n->holding;

    if (n->leads) {
        t->buried_n += grantor_bury(&n->grantor, d->from + 1, d->digest, town_clock(t, n));
    } else if (n->leader == d->from + 1 && h->stamp_term == n->term &&
               memcmp(h->leader_digest, d->digest, VIP_DIGEST_BYTES) == 0) {
        n->dead_term = n->term;
        n->dead = d->from;
        memcpy(n->dead_digest, d->digest, VIP_DIGEST_BYTES);
        n->leader = 0;
        town_elect(t, d->to);
    }
}

static inline void town_deliver_testaments(struct town *t)
{
    for (unsigned i = 0; i < TOWN_DATAGRAMS_MAX; i++) {
        const struct town_datagram d = t->datagrams[i];

        if (d.due_ms == 0 || d.due_ms > t->ms || t->nodes[d.to].is_stopped)
            continue;
        t->datagrams[i].due_ms = 0;
        town_hear_testament(t, &d);
    }
}

/* ---- the leader ---- */

static inline void town_lead(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];
    struct roster_vip out[ROSTER_VIPS_MAX];

    const bool commits =
        rand_below(&t->rand, t->slow) == 0 && town_has_majority(t, who, n->term);
    if (commits && !n->grantor.is_proven) {
        town_apply(t, n, t->log_n);
        grantor_prove(&n->grantor);
    }
    for (unsigned i = 0; commits && i < n->proposed_n; i++) {
        const struct roster_command c = {
            .type = ROSTER_VIP, .vip = n->proposed[i], .now_us = rand_below(&t->rand, 1000)};

        town_commit(t, &c);
        t->assigned_n++;
    }
    if (commits) {
        n->proposed_n = 0;
        town_apply(t, n, t->log_n);
    }
    const unsigned found = grantor_step(&n->grantor, town_clock(t, n), out);
    for (unsigned i = 0; i < found; i++)
        n->proposed[n->proposed_n++] = out[i];
    for (unsigned i = 0; i < t->n; i++) {
        if (!grantor_must_nudge(&n->grantor, i + 1, town_clock(t, n)))
            continue;
        if (i == who)
            n->must_ask = true;
        else if (t->queues[who][i].n == 0)
            town_post(t, who, i)->is_nudge = true;
    }
}

/* ---- the manager, and its helper ---- */

static inline void town_manage(struct town *t, unsigned who)
{
    struct town_node *n = &t->nodes[who];
    const uint64_t now = town_clock(t, n);

    for (unsigned i = 0; i < t->vip_n; i++) {
        struct town_address *a = &n->addresses[i];
        const struct addr vip = vip_address(i);
        const uint64_t end = holding_end(&n->holding, &vip);
        const struct holding_vip *held = holding_find(&n->holding, &vip);
        const bool is_parting = held != NULL && held->is_parting && end > now;

        if (!is_parting)
            a->part_ms = 0;
        else if (a->part_ms == 0)
            a->part_ms = t->ms + n->part_ms;

        if (a->is_dropping && t->ms >= a->drop_ms) {
            *a = (struct town_address){0};
            n->must_ask |= holding_release(&n->holding, &vip, now);
        } else if (!a->is_dropping && is_parting && t->ms >= a->part_ms) {
            a->is_dropping = true;
            a->drop_ms = t->ms + rand_below(&t->rand, DROP_MS_MAX);
        } else if (!a->is_dropping && end > now) {
            a->until_ns = end;
        } else if (!a->is_dropping && a->until_ns != 0) {
            a->is_dropping = true;
            a->drop_ms = t->ms + rand_below(&t->rand, DROP_MS_MAX);
        }
    }
}

/* Its helper drops it at the end of the lease, and no later than that and what it takes. */
static inline bool town_has(const struct town *t, unsigned who, unsigned vip)
{
    const struct town_node *n = &t->nodes[who];
    const struct town_address *a = &n->addresses[vip];

    return a->until_ns != 0 && town_clock(t, n) < a->until_ns + DROP_MS_MAX * UINT64_C(1000000);
}

static inline unsigned town_holders(const struct town *t, unsigned vip)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->n; i++)
        n += town_has(t, i, vip);
    return n;
}

static inline void town_step(struct town *t)
{
    t->ms++;
    town_deliver_testaments(t);
    for (unsigned i = 0; i < t->n; i++) {
        if (t->nodes[i].is_stopped)
            continue;
        if (t->ms % 5 == 0)
            town_follow(t, i);
        for (unsigned k = 0; k < t->n; k++)
            town_deliver(t, k, i);
        if (t->nodes[i].leads)
            town_lead(t, i);
        if (t->nodes[i].must_ask || t->ms >= t->nodes[i].ask_ms)
            town_ask(t, i);
        town_manage(t, i);
    }
    for (unsigned i = 0; i < t->vip_n; i++)
        t->shared_n += town_holders(t, i) > 1;
}

static inline void town_run(struct town *t, unsigned ms)
{
    while (ms-- > 0)
        town_step(t);
}

static inline unsigned town_leader(const struct town *t)
{
    unsigned best = t->n;

    for (unsigned i = 0; i < t->n; i++) {
        if (t->nodes[i].leads && (best == t->n || t->nodes[i].term > t->nodes[best].term))
            best = i;
    }
    return best;
}

#endif
