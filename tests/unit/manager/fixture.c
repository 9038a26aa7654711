#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/listeners.h"
#include "manager/names.h"
#include "manager/restore.h"
#include "pool/pool_code.h"

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
    static const struct config config = {.resolver = resolver};
    struct manager *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->config = &config;
    m->loop = loop_epoll_new();
    assert_int_equal(conn_shared_init(&m->shared, m->loop), 0);
    m->supervisor.loop = m->loop;
    m->stats = stats_new(1, &m->supervisor.stats_fd);
    m->pool = pool_state_new();
    m->requests = pool_requests_new();
    facts_init(&m->facts);
    TAILQ_INIT(&m->supervisor.listenings);
    assert_non_null(facts_add_pool(&m->facts, 0));
    listeners_init(m);
    servers_init(m);
    changes_init(m);
    leaving_init(m);
    publish_init(&m->publish, &m->supervisor, &m->facts, m->pool);
    checks_init(&m->checks, &m->shared, m->pool, 1, FD_LIMIT);
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

void fixture_stop(struct manager *m)
{
    m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    changes_fini(m);
    listeners_fini(m);
    leaving_fini(m);
    servers_fini(m);
    names_stop(m);
    while (m->checks.open_n > 0)
        (void)loop_turn(m->loop, 0);
    fixture_turns(m, 2);
    assert_int_equal(m->changes.n, 0);
    publish_fini(&m->publish);
    facts_fini(&m->facts);
    pool_state_free(m->pool);
    pool_requests_free(m->requests);
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

void fixture_random_command(struct pool_command *c, const struct pool *p,
                            struct rand_state *rand)
{
    const uint64_t what = rand_below(rand, 10);
    const struct pool_server *server =
        p->server_n > 0 ? p->servers[rand_below(rand, p->server_n)] : NULL;

    if (what < 5 || server == NULL) {
        random_add(c, rand);
        return;
    }
    pool_command_init(c, what < 6   ? POOL_REMOVE_SERVER
                         : what < 8 ? POOL_SET_SERVER_ADMIN
                                    : POOL_CHANGE_SERVER);
    c->server_id = server->id;
    c->server.admin = (uint8_t)rand_below(rand, 3);
    c->server.drain_ms = c->type == POOL_SET_SERVER_ADMIN ? 60000 : 0;
    c->server.weight = (uint16_t)rand_below(rand, 256);
    c->set = c->type == POOL_CHANGE_SERVER ? POOL_SET_WEIGHT : 0;
}

void fixture_random_replica(struct pool_replica *r, struct rand_state *rand)
{
    const uint64_t n = rand_below(rand, 40);

    assert_int_equal(pool_replica_init(r), 0);
    for (uint64_t i = 1; i <= n; i++) {
        struct pool_command c;
        char *entry;
        size_t len;

        fixture_random_command(&c, r->state->pools[0], rand);
        for (unsigned k = 0; k < sizeof(c.request_id); k++)
            c.request_id[k] = (uint8_t)rand_below(rand, 256);
        assert_int_equal(pool_code_encode(&c, &entry, &len), 0);
        assert_int_equal(pool_replica_apply(r, i, span_from(entry, len)), 0);
        free(entry);
        pool_command_fini(&c);
    }
}
