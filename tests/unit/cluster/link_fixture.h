/* link_fixture.h - nodes in one process, with certificates made for the test, and what their
 * links hear. The loop is the test's: real (loopback) or simulated. */
#ifndef WELDR_TESTS_LINK_FIXTURE_H
#define WELDR_TESTS_LINK_FIXTURE_H

#include "../base/cm.h"
#include "../net/tls_made.h"
#include "base/fault.h"
#include "cluster/gate.h"
#include "cluster/link.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/loop_sim.h"
#include "net/tlsio_context.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES_MAX = 3, TALKERS_MAX = 80, TURNS_MAX = 200000 };

static const uint8_t link_uuid[ROSTER_UUID_BYTES] = {0xc1, 0x05, [15] = 0x7e};
static const uint8_t other_uuid[ROSTER_UUID_BYTES] = {0xc2};

/* One end of a link and what it heard. */
struct talker {
    struct link link; /* of one that calls */
    struct link *at;  /* that one, or the gate's */
    unsigned open_n, closed_n, message_n, congested_n, drained_n;
    int error;
    uint8_t type;
    size_t bytes;
    uint64_t sum;  /* of all bytes, by their place */
    bool responds; /* the same message back */
    bool pauses;   /* after each message, or piece */
    bool closes;   /* at the first message */
};

struct node {
    struct link_self self;
    struct made shown;
    struct gate *gate;
    bool is_gate_closed;
    struct talker came[TALKERS_MAX];
    unsigned came_n;
    bool is_unwilling; /* wants no links */
};

static struct {
    struct loop *loop;
    bool is_sim;
    struct conn_shared conns;
    struct made authority, stranger;
    struct node nodes[NODES_MAX];
    struct talker talkers[TALKERS_MAX];
    unsigned talker_n;
} world;

/* ---- what links hear ---- */

static inline void talker_add(struct talker *t, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        t->sum = t->sum * 31 + (uint8_t)bytes.ptr[i];
    t->bytes += bytes.len;
}

static inline void talker_on_open(struct link *l)
{
    struct talker *t = link_user(l);

    assert_true(link_is_open(l));
    t->open_n++;
}

static inline void talker_on_message(struct link *l, uint8_t type, struct span payload)
{
    struct talker *t = link_user(l);

    assert_true(t->open_n == 1 && t->closed_n == 0);
    t->message_n++;
    t->type = type;
    talker_add(t, payload);
    if (t->responds)
        assert_int_equal(link_send(l, type, payload), 0);
    if (t->pauses)
        link_pause(l);
    if (t->closes)
        link_close(l);
}

static inline void talker_on_bytes(struct link *l, struct span bytes)
{
    struct talker *t = link_user(l);

    assert_true(t->open_n == 1 && t->closed_n == 0 && bytes.len > 0);
    talker_add(t, bytes);
    if (t->responds)
        link_send_bytes(l, bytes);
    if (t->pauses)
        link_pause(l);
}

static inline void talker_on_congested(struct link *l)
{
    ((struct talker *)link_user(l))->congested_n++;
}

static inline void talker_on_drained(struct link *l)
{
    ((struct talker *)link_user(l))->drained_n++;
}

static inline void talker_on_closed(struct link *l, int error)
{
    struct talker *t = link_user(l);

    assert_int_equal(t->closed_n, 0);
    t->closed_n++;
    t->error = error;
}

static const struct link_ops talker_ops = {
    .on_open = talker_on_open,
    .on_message = talker_on_message,
    .on_bytes = talker_on_bytes,
    .on_congested = talker_on_congested,
    .on_drained = talker_on_drained,
    .on_closed = talker_on_closed,
};

/* ---- nodes ---- */

static inline const struct link_ops *node_on_link(void *arg, struct link *l)
{
    struct node *n = arg;

    if (n->is_unwilling)
        return NULL;
    assert_true(n->came_n < TALKERS_MAX && link_is_open(l));
    struct talker *t = &n->came[n->came_n++];

    t->at = l;
    t->open_n = 1;
    link_set_user(l, t);
    return &talker_ops;
}

static inline uint64_t node_id(unsigned i)
{
    return 0xa000000000000001U + i;
}

static inline void print_names(char *text, size_t size, uint64_t id, const uint8_t *uuid)
{
    int n =
        snprintf(text, size, "DNS:member.weldr.internal,DNS:%016llx.", (unsigned long long)id);

    for (int i = 0; i < ROSTER_UUID_BYTES; i++)
        n += snprintf(text + n, size - (size_t)n, "%02x", uuid[i]);
    (void)snprintf(text + n, size - (size_t)n, ".weldr.internal");
}

static inline void node_show_made(struct node *n, struct made_wish wish)
{
    made_free(&n->shown);
    n->shown = made_of(wish);
    assert_int_equal(link_self_set(&n->self, span_from_str(n->shown.pem),
                                   span_from_str(n->shown.secret),
                                   span_from_str(world.authority.pem)),
                     0);
}

/* This node is shown as that one, of this cluster, by this authority. */
static inline void node_show(struct node *n, uint64_t id, const uint8_t *uuid,
                             const struct made *by)
{
    char names[160];

    print_names(names, sizeof(names), id, uuid);
    node_show_made(n, (struct made_wish){.name = "node", .san = names, .by = by});
}

static inline void node_begin(unsigned i)
{
    static const struct addr any = {.family = AF_INET, .ip = {127, 0, 0, 1}};
    struct node *n = &world.nodes[i];
    const struct gate_ops ops = {node_on_link, n};
    struct addr sim = {.family = AF_INET, .port = (uint16_t)(100 + i), .ip = {10, 0, 0, 1}};

    *n = (struct node){
        .self = {
            .loop = world.loop, .conns = &world.conns, .id = node_id(i), .incarnation = 1}};
    memcpy(n->self.uuid, link_uuid, sizeof(link_uuid));
    node_show(n, n->self.id, link_uuid, &world.authority);
    if (world.is_sim)
        assert_int_equal(
            gate_new_on(&n->self, loop_sim_listen(world.loop, &sim), &ops, &n->gate), 0);
    else
        assert_int_equal(gate_new(&n->self, &any, &ops, &n->gate), 0);
    n->self.address = *gate_address(n->gate);
    assert_int_not_equal(n->self.address.port, 0);
}

static inline void node_on_gate_closed(void *arg)
{
    ((struct node *)arg)->is_gate_closed = true;
}

static inline void turn(void)
{
    (void)loop_turn(world.loop, 1000);
}

static inline void go_on(unsigned *turns, const char *until)
{
    if (++*turns > TURNS_MAX || (world.is_sim && loop_sim_is_quiet(world.loop)))
        fail_msg("%s does not come", until);
    turn();
}

#define run_until(cond)                 \
    for (unsigned turns_ = 0; !(cond);) \
    go_on(&turns_, #cond)

static inline void world_begin(bool is_sim)
{
    memset(&world, 0, sizeof(world));
    (void)signal(SIGPIPE, SIG_IGN);
    world.is_sim = is_sim;
    world.loop = is_sim ? loop_sim_new(1, NULL) : loop_epoll_new();
    assert_non_null(world.loop);
    assert_int_equal(conn_shared_init(&world.conns, world.loop), 0);
    world.authority = made_of((struct made_wish){.name = "authority", .is_authority = true});
    world.stranger = made_of((struct made_wish){.name = "authority", .is_authority = true});
    for (unsigned i = 0; i < NODES_MAX; i++)
        node_begin(i);
}

static inline void world_end(void)
{
    for (unsigned i = 0; i < world.talker_n; i++)
        if (world.talkers[i].closed_n == 0)
            link_abort(&world.talkers[i].link);
    for (unsigned i = 0; i < NODES_MAX; i++)
        gate_close(world.nodes[i].gate, node_on_gate_closed, &world.nodes[i]);
    for (unsigned i = 0; i < NODES_MAX; i++)
        run_until(world.nodes[i].is_gate_closed);
    for (unsigned i = 0; i < world.talker_n; i++)
        run_until(world.talkers[i].closed_n == 1);
    for (unsigned i = 0; i < NODES_MAX; i++) {
        link_self_fini(&world.nodes[i].self);
        made_free(&world.nodes[i].shown);
    }
    made_free(&world.authority);
    made_free(&world.stranger);
    assert_int_equal(codec_shared_live_n(world.conns.codecs), 0);
    conn_shared_fini(&world.conns);
    loop_free(world.loop);
}

/* ---- calls ---- */

static inline struct talker *talker_next(void)
{
    struct talker *t = &world.talkers[world.talker_n++];

    assert_true(world.talker_n <= TALKERS_MAX);
    t->at = &t->link;
    return t;
}

static inline struct talker *call(unsigned from, unsigned to, enum link_use use)
{
    struct talker *t = talker_next();
    struct node *n = &world.nodes[to];

    assert_int_equal(link_connect(&t->link, &world.nodes[from].self, &talker_ops, use,
                                  gate_address(n->gate), n->self.id),
                     0);
    link_set_user(&t->link, t);
    assert_int_equal(t->open_n + t->closed_n, 0);
    return t;
}

/* The other end of it. */
static inline struct talker *call_open(unsigned from, unsigned to, enum link_use use,
                                       struct talker **came)
{
    struct talker *t = call(from, to, use);
    const unsigned before = world.nodes[to].came_n;

    run_until(t->open_n > 0 || t->closed_n > 0);
    assert_int_equal(t->open_n, 1);
    assert_int_equal(world.nodes[to].came_n, before + 1);
    *came = &world.nodes[to].came[before];
    return t;
}

/* By who is no member yet, at the second node. */
static inline struct talker *join(struct span authority, struct talker **came)
{
    struct talker *t = talker_next();
    const struct link_join how = {.loop = world.loop,
                                  .conns = &world.conns,
                                  .to = *gate_address(world.nodes[1].gate),
                                  .authority = authority};
    const unsigned before = world.nodes[1].came_n;

    assert_int_equal(link_connect_join(&t->link, &how, &talker_ops), 0);
    link_set_user(&t->link, t);
    run_until(t->closed_n == 1 || (t->open_n == 1 && world.nodes[1].came_n > before));
    *came = world.nodes[1].came_n > before ? &world.nodes[1].came[before] : NULL;
    return t;
}

/* ---- who is refused ---- */

static inline unsigned failed_at(unsigned i)
{
    uint64_t refused, failed;

    gate_counts(world.nodes[i].gate, &refused, &failed);
    assert_int_equal(refused, 0);
    return (unsigned)failed;
}

/* Nothing has opened on either side. */
static inline void expect_refused(struct talker *t, int error)
{
    run_until(t->closed_n == 1);
    assert_int_equal(t->open_n, 0);
    assert_int_equal(world.nodes[1].came_n, 0);
    if (t->error != error)
        fail_msg("%s instead of %s", werr_word(t->error), werr_word(error));
    run_until(failed_at(1) == 1);
}

#endif
