#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/events.h"
#include "manager/hints.h"
#include "manager/names.h"
#include "manager/restore.h"
#include "manager/states.h"
#include "manager/views.h"
#include "pool/pool_code.h"

/* In one piece. */
struct rooms {
    struct manager manager; /* first: fixture_stop frees it */
    struct events events;
    struct states states;
    struct views views;
    struct hints hints;
    struct leaving leaving;
    struct listeners listeners;
    struct changes changes;
    struct follow follow;
    struct applied applied;
};

enum { FD_LIMIT = 10000, TURNS_MAX = 1000000 };

static const struct delayed_options some_of_all = {
    .seed = 1, .refuse = 10, .lose = 10, .restore = 10};

static void on_role(void *arg, enum cluster_role role)
{
    (void)arg;
    (void)role;
}

static void on_settled(void *arg)
{
    (void)arg;
}

struct manager *fixture_new(void)
{
    static char resolver[] = "127.0.0.1:9"; /* nobody is there */
    static const struct config config = {.resolver = resolver, .drain_timeout_ms = 30000};
    struct rooms *rooms = calloc(1, sizeof(*rooms));
    struct manager *m = &rooms->manager;

    assert_non_null(rooms);
    m->config = &config;
    m->loop = loop_epoll_new();
    assert_int_equal(conn_shared_init(&m->shared, m->loop), 0);
    m->supervisor.slots.loop = m->loop;
    m->stats = stats_new(1, &m->supervisor.stats_fd);
    m->pool = pool_state_new();
    m->requests = pool_requests_new();
    m->history = pool_history_new();
    facts_init(&m->facts);
    listenings_init(&m->supervisor.listenings, &m->supervisor.slots, &m->supervisor.stand_in);
    parting_init(&m->supervisor.parting, &m->supervisor.slots, &m->supervisor.listenings);
    assert_non_null(facts_add_pool(&m->facts, 0));
    (void)stats_slot_take(m->stats, STATS_OF_POOL, 0);
    (void)stats_slot_take(m->stats, STATS_OF_LISTENER, 0);
    assert_int_equal(events_init(&rooms->events, m), 0);
    states_init(&rooms->states, m);
    views_init(&rooms->views, m);
    hints_init(&rooms->hints, m);
    leaving_init(&rooms->leaving, m);
    listeners_init(&rooms->listeners, m);
    changes_init(&rooms->changes, m);
    follow_init(&rooms->follow, m);
    applied_init(&rooms->applied, m);
    publish_init(&m->publish, &m->supervisor, &m->facts, m->pool);
    checks_init(&m->checks, &m->shared, m->pool, 1, FD_LIMIT);
    m->checks.tls.bundle = &m->authorities;
    servers_watch_health(m);
    assert_int_equal(names_start(m), 0);
    return m;
}

void fixture_run_engine(struct manager *m, enum engine engine,
                        const struct delayed_options *options)
{
    const struct cluster_hooks hooks = {
        .on_commit = servers_on_commit,
        .on_snapshot = servers_on_snapshot,
        .on_restore = servers_on_restore,
        .on_role = on_role,
        .on_settled = on_settled,
        .arg = m,
    };

    if (engine == ENGINE_SOLO)
        m->cluster = cluster_solo_new(&hooks);
    else
        m->cluster =
            cluster_delayed_new(m->loop, options != NULL ? options : &some_of_all, &hooks);
    assert_int_equal(m->cluster->ops->start(m->cluster), 0);
    fixture_run_until_led(m);
}

struct manager *fixture_start(enum engine engine, const struct delayed_options *options)
{
    struct manager *m = fixture_new();

    fixture_run_engine(m, engine, options);
    return m;
}

void fixture_close_listeners(struct manager *m)
{
    while (!TAILQ_EMPTY(&m->supervisor.listenings.list))
        listening_close(TAILQ_FIRST(&m->supervisor.listenings.list), false, 0);
}

void fixture_stop(struct manager *m)
{
    if (m->cluster != NULL) /* a test may have ended it */
        m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    applied_fini(m->applied);
    changes_fini(m->changes);
    listeners_fini(m->listeners);
    fixture_close_listeners(m);
    leaving_fini(m->leaving);
    follow_fini(m->follow);
    servers_end_checks(m);
    names_stop(m);
    while (m->checks.open_n > 0)
        (void)loop_turn(m->loop, 0);
    fixture_turns(m, 2);
    assert_int_equal(m->changes->n, 0);
    publish_fini(&m->publish);
    parting_fini(&m->supervisor.parting);
    facts_fini(&m->facts);
    states_fini(m->states);
    views_fini(m->views);
    hints_fini(m->hints);
    events_fini(m->events);
    pool_state_free(m->pool);
    pool_requests_free(m->requests);
    pool_history_free(m->history);
    stats_free(m->stats);
    (void)close(m->supervisor.stats_fd);
    conn_shared_fini(&m->shared);
    loop_free(m->loop);
    free(m);
}

void fixture_turns(struct manager *m, unsigned n)
{
    while (n-- > 0)
        (void)loop_turn(m->loop, 0);
}

void fixture_run_until_led(struct manager *m)
{
    for (unsigned n = 0; m->cluster->ops->role(m->cluster) != CLUSTER_LEADER; n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(m->loop, 0);
    }
}

struct waiter {
    bool is_told;
    int result;
    struct pool_outcome outcome;
};

static void on_change(struct change *ch)
{
    struct waiter *w = ch->waiter;

    assert_false(w->is_told);
    w->is_told = true;
    w->outcome = ch->outcome;
    w->result = ch->error < 0 ? ch->error : ch->outcome.result;
    change_end(ch);
}

/* Pauses are not waited for. */
static void fire(struct manager *m, struct timer *t)
{
    timer_stop(loop_timers(m->loop), t);
    t->on_fire(t);
}

/* More than any change takes that waits for no timer. */
enum { QUIET_TURNS = 32 };

/* Nor is the time after which a worker without memory is told again. */
static void fire_retries(struct manager *m)
{
    struct slots *slots = &m->supervisor.slots;

    for (unsigned i = 0; i < slots->n; i++)
        if (manager_channel_is_starved(&slots->list[i].channel))
            fire(m, &slots->list[i].channel.retry);
}

static void on_member_added(void *arg, int error, uint64_t index)
{
    (void)index;
    assert_int_equal(error, 0);
    *(bool *)arg = true;
}

void fixture_add_member(struct manager *m, uint64_t id)
{
    const struct cluster_member member = {.id = id, .place = CLUSTER_VOTER};
    bool is_added = false;

    assert_int_equal(
        m->cluster->ops->add_member(m->cluster, &member, on_member_added, &is_added), 0);
    for (unsigned n = 0; !is_added; n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(m->loop, 0);
    }
}

int fixture_change(struct manager *m, struct pool_command *c, struct pool_outcome *outcome)
{
    struct waiter w = {.is_told = false};
    struct change *ch;
    int rc = change_new(m, c, &ch);

    pool_command_fini(c);
    if (rc < 0)
        return rc;
    change_propose(ch, on_change, &w);
    for (unsigned n = 0; !w.is_told; n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(m->loop, 0);
        if (!w.is_told && ch->phase == CHANGE_PAUSED)
            fire(m, &ch->timer);
        else if (!w.is_told && n % QUIET_TURNS == QUIET_TURNS - 1)
            fire_retries(m);
    }
    if (outcome != NULL)
        *outcome = w.outcome;
    return w.result;
}

int fixture_add(struct manager *m, const char *body, struct pool_outcome *outcome)
{
    struct pool_command c;
    struct pool_error refusal;
    const int rc = pool_code_add_from_json(span_from_str(body), &c, &refusal);

    return rc < 0 ? rc : fixture_change(m, &c, outcome);
}

/* ---- random commands ---- */

static void name_pool(char *buf, const struct pool_state *s, struct rand_state *rand)
{
    snprintf(buf, POOL_NAME_MAX + 1, "%s", s->pools[rand_below(rand, s->pool_n)]->name);
}

static void name_listener(char *buf, const struct pool_state *s, struct rand_state *rand)
{
    snprintf(buf, POOL_NAME_MAX + 1, "%s", s->listeners[rand_below(rand, s->listener_n)]->name);
}

static void random_add(struct pool_command *c, struct rand_state *rand)
{
    const bool is_named = rand_below(rand, 4) == 0;
    const unsigned n = 1 + (unsigned)rand_below(rand, 40);
    const bool is_checked = n % 3 == 0; /* whoever has this URL */
    struct pool_error refusal;
    char body[160];

    snprintf(body, sizeof(body), "{\"url\":\"http://%s%u\",\"check\":{\"type\":\"%s\"}}",
             is_named ? "name.invalid:" : "127.0.0.1:", n, is_checked ? "tcp" : "none");
    assert_int_equal(pool_code_add_from_json(span_from_str(body), c, &refusal), 0);
}

static void random_server_command(struct pool_command *c, const struct pool_state *s,
                                  struct rand_state *rand)
{
    const uint64_t what = rand_below(rand, 10);
    char pool[POOL_NAME_MAX + 1];
    const struct pool_server *server;
    const struct pool *p;

    name_pool(pool, s, rand);
    p = pool_find(s, span_from_str(pool));
    server = p->server_n > 0 ? p->servers[rand_below(rand, p->server_n)] : NULL;
    if (what < 5 || server == NULL) {
        random_add(c, rand);
    } else {
        pool_command_init(c, what < 6   ? POOL_REMOVE_SERVER
                             : what < 8 ? POOL_SET_SERVER_ADMIN
                                        : POOL_CHANGE_SERVER);
        c->server_id = server->id;
        c->server.admin = (uint8_t)rand_below(rand, 3);
        c->server.drain_ms = c->type == POOL_SET_SERVER_ADMIN ? 60000 : 0;
        c->server.weight = (uint16_t)rand_below(rand, 256);
        c->set = c->type == POOL_CHANGE_SERVER ? POOL_SET_WEIGHT : 0;
    }
    memcpy(c->pool, pool, sizeof(pool));
}

static void random_pool_command(struct pool_command *c, const struct pool_state *s,
                                struct rand_state *rand)
{
    struct pool_error refusal;
    char body[160];

    if (rand_below(rand, 3) == 0) {
        pool_command_init(c, POOL_REMOVE_POOL);
        name_pool(c->pool, s, rand);
        return;
    }
    snprintf(body, sizeof(body), "{\"name\":\"p%u\",\"fail_open\":%s,\"drain_ms\":%u}",
             (unsigned)rand_below(rand, 4), rand_below(rand, 2) == 0 ? "true" : "false",
             60000 + (unsigned)rand_below(rand, 1000));
    assert_int_equal(pool_code_add_pool_from_json(span_from_str(body), SPAN_NONE, c, &refusal),
                     0);
    c->is_put = rand_below(rand, 2) == 0;
}

/* At addresses of loopback and at any port, so that tests do not meet. */
static void random_listener_command(struct pool_command *c, const struct pool_state *s,
                                    struct rand_state *rand)
{
    struct pool_error refusal;
    char body[256], pool[POOL_NAME_MAX + 1];

    if (rand_below(rand, 3) == 0) {
        pool_command_init(c, POOL_REMOVE_LISTENER);
        name_listener(c->listener, s, rand);
        return;
    }
    name_pool(pool, s, rand);
    snprintf(body, sizeof(body),
             "{\"name\":\"l%u\",\"addresses\":[\"127.0.0.%u:1\",\"127.0.1.%u:1\"],"
             "\"default_action\":{\"forward\":[{\"pool\":\"%s\"}]}}",
             (unsigned)rand_below(rand, 4), 1 + (unsigned)rand_below(rand, 8),
             1 + (unsigned)rand_below(rand, 8), pool);
    assert_int_equal(
        pool_code_add_listener_from_json(span_from_str(body), SPAN_NONE, c, &refusal), 0);
    for (unsigned i = 0; i < c->wanted.address_n; i++)
        c->wanted.addresses[i].port = 0;
    c->is_put = rand_below(rand, 2) == 0;
}

static void random_rule_command(struct pool_command *c, const struct pool_state *s,
                                struct rand_state *rand)
{
    char listener[POOL_NAME_MAX + 1], pool[POOL_NAME_MAX + 1], body[256];
    struct pool_error refusal;
    const struct listener *l;

    name_listener(listener, s, rand);
    name_pool(pool, s, rand);
    l = listener_find(s, span_from_str(listener));
    if (l->rule_n > 0 && rand_below(rand, 3) == 0) {
        pool_command_init(c, POOL_REMOVE_RULE);
        c->rule_id = l->rules[rand_below(rand, l->rule_n)]->id;
    } else {
        snprintf(body, sizeof(body),
                 "{\"priority\":%u,\"conditions\":{\"path_prefix\":\"/a\"},"
                 "\"action\":{\"forward\":[{\"pool\":\"%s\"}]}}",
                 1 + (unsigned)rand_below(rand, 9), pool);
        assert_int_equal(pool_code_add_rule_from_json(span_from_str(body), c, &refusal), 0);
    }
    memcpy(c->listener, listener, sizeof(listener));
}

void fixture_random_command(struct pool_command *c, const struct pool_state *s,
                            struct rand_state *rand)
{
    const uint64_t what = rand_below(rand, 10);

    if (what < 6)
        random_server_command(c, s, rand);
    else if (what < 7)
        random_pool_command(c, s, rand);
    else if (what < 9)
        random_listener_command(c, s, rand);
    else
        random_rule_command(c, s, rand);
}

void fixture_random_replica(struct pool_replica *r, struct rand_state *rand)
{
    const uint64_t n = rand_below(rand, 40);

    assert_int_equal(pool_replica_init(r), 0);
    for (uint64_t i = 1; i <= n; i++) {
        struct pool_command c;
        char *entry;
        size_t len;

        fixture_random_command(&c, r->state, rand);
        for (unsigned k = 0; k < sizeof(c.request_id); k++)
            c.request_id[k] = (uint8_t)rand_below(rand, 256);
        assert_int_equal(pool_code_encode(&c, &entry, &len), 0);
        assert_int_equal(pool_replica_apply(r, i, span_from(entry, len)), 0);
        free(entry);
        pool_command_fini(&c);
    }
}
