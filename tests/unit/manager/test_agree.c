#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/restore.h"
#include "net/listen.h"
#include "pool/pool_code.h"
#include "worker/acceptor.h"
#include "worker/channel.h"
#include "worker/listener_runtime.h"
#include "worker/origin.h"
#include "worker/origin_table.h"
#include "worker/worker_life.h"

/* A manager and a worker in one process, with a real channel between them: whichever allocation
 * fails in either of them, they agree in the end and neither has ended. */

static struct manager *m;
static enum engine engine;
static struct slot *slot;
static struct worker worker;
static struct channel channel;
static bool has_worker;

/* ---- the manager's hooks ---- */

static void on_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    publish_on_ack(&m->publish, slot_of_channel(ch), ack);
}

static void on_bye(struct manager_channel *ch)
{
    (void)ch;
    fail();
}

static void on_pong(struct manager_channel *ch)
{
    (void)ch;
}

static void on_stale(struct manager_channel *ch)
{
    publish_attach(&m->publish, slot_of_channel(ch), m->pool, NULL);
}

static void on_channel_broken(struct manager_channel *ch, int error)
{
    (void)ch;
    fail_msg("the manager gives its worker up: %s", werr_text(error));
}

static const struct manager_channel_ops manager_ops = {
    .on_ack = on_ack,
    .on_bye = on_bye,
    .on_pong = on_pong,
    .on_stale = on_stale,
    .on_broken = on_channel_broken,
};

/* ---- the worker's ---- */

static int on_hello(void *arg, const struct frame_hello *hello)
{
    (void)arg;
    has_worker = true;
    return worker_init(&worker, m->loop, stats_worker(m->stats, 0), 0, hello->seed);
}

static int on_ready(void *arg)
{
    (void)arg;
    acceptor_start_all(&worker);
    return 0;
}

static void on_drain(void *arg, uint32_t limit_ms)
{
    (void)arg;
    (void)limit_ms;
}

static void on_ping(void *arg)
{
    (void)arg;
}

static void on_log(void *arg, int fd, uint8_t way)
{
    (void)arg;
    (void)way;
    close(fd);
}

static void on_broken(void *arg, const char *why)
{
    (void)arg;
    fail_msg("the worker ends: %s", why);
}

static const struct channel_hooks worker_hooks = {on_hello, on_ready,  on_drain, on_ping,
                                                  on_log,   on_broken, NULL};

/* ---- together ---- */

static void start_channel(void)
{
    static const struct frame_hello hello = {.worker_n = 1};
    int pair[2];

    slot = m->supervisor.slots.list = calloc(1, sizeof(*slot));
    m->supervisor.slots.n = 1;
    slot_init(slot, &m->supervisor.slots, 0, &manager_ops);
    slot->is_wanted = true;
    slot->state = SLOT_RUNNING;
    assert_int_equal(stand_in_init(&m->supervisor.stand_in, &m->supervisor.slots), 0);
    assert_int_equal(listen_pair(pair), 0);
    manager_channel_open(&slot->channel, pair[0]);
    channel_open(&channel, m->loop, &worker, &worker_hooks, pair[1]);
    publish_attach(&m->publish, slot, m->pool, &hello);
}

static void turns(unsigned n)
{
    while (n-- > 0)
        (void)loop_turn(m->loop, 0);
}

static void start_with(const struct delayed_options *options)
{
    has_worker = false;
    m = fixture_start(engine, options);
    start_channel();
    turns(10);
    assert_true(has_worker && worker.pool_state != NULL);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    channel_close(&channel);
    manager_channel_close(&slot->channel);
    fixture_close_listeners(m);
    stand_in_fini(&m->supervisor.stand_in);
    m->supervisor.slots.list = NULL;
    m->supervisor.slots.n = 0;
    acceptor_leave_all(&worker, NULL);
    turns(5);
    worker_fini(&worker);
    fixture_stop(m);
    free(slot);
}

/* ---- changes; each may be refused for want of memory ---- */

/* What a manager whose memory has run out can't even propose is refused at once. */
static void propose(struct pool_command *c)
{
    int rc = fixture_change(m, c, NULL);

    /* EXISTS: from the play before, with another weight. */
    assert_true(rc == 0 || rc == WERR_NOMEM || rc == WERR_EXISTS);
    turns(3);
}

static void add(const char *port)
{
    struct pool_command c;
    struct pool_error refusal;
    char body[128];
    int rc;

    snprintf(body, sizeof(body),
             "{\"url\":\"http://127.0.0.1:%s\",\"check\":{\"type\":\"none\"},"
             "\"meta\":{\"zone\":\"a\"}}",
             port);
    rc = pool_code_add_from_json(span_from_str(body), &c, &refusal);
    assert_true(rc == 0 || rc == WERR_NOMEM);
    if (rc == 0)
        propose(&c);
}

static const struct pool_server *first_server(void)
{
    const struct pool *p = pool_default(m->pool);

    return p->server_n > 0 ? p->servers[0] : NULL;
}

static void change(void)
{
    struct pool_command c;

    if (first_server() == NULL)
        return;
    pool_command_init(&c, POOL_CHANGE_SERVER);
    c.server_id = first_server()->id;
    c.set = POOL_SET_WEIGHT;
    c.server.weight = 7;
    propose(&c);
}

static void stand(uint8_t admin)
{
    struct pool_command c;

    if (first_server() == NULL)
        return;
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = first_server()->id;
    c.server.admin = admin;
    propose(&c);
}

static void take_out(void)
{
    struct pool_command c;

    if (first_server() == NULL)
        return;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = first_server()->id;
    propose(&c);
}

static void tell_facts(void)
{
    struct server_facts *f = facts_next(&m->facts, NULL);

    if (f == NULL)
        return;
    f->is_up = !f->is_up;
    publish_facts(&m->publish, f);
    turns(3);
}

static void play(void)
{
    add("1");
    add("2");
    tell_facts();
    change();
    stand(POOL_ADMIN_MAINTENANCE);
    stand(POOL_ADMIN_ENABLED);
    add("3");
    take_out();
    add("4");
}

/* ---- what holds then ---- */

static void fire(struct timer *t)
{
    if (!timer_is_set(t))
        return;
    timer_stop(loop_timers(m->loop), t);
    t->on_fire(t);
}

static void settle(void)
{
    for (unsigned i = 0; i < 4; i++) {
        fire(&slot->channel.retry);
        fire(&m->follow->repair);
        turns(10);
    }
}

static void check_agreement(void)
{
    const struct pool *p = pool_default(m->pool);

    assert_false(channel.is_lacking || slot->channel.is_stale);
    assert_false(manager_channel_is_starved(&slot->channel));
    assert_int_equal(worker.pool_state->digest, m->pool->digest);
    assert_true(publish_is_acked(&m->publish, m->publish.seq));
    for (uint32_t i = 0; i < p->server_n; i++) {
        struct server_facts *f = facts_find(&m->facts, p->servers[i]->id);
        struct origin *o = origin_find(&worker, p->servers[i]->id);

        assert_non_null(f);
        assert_int_equal(f->is_checked, p->servers[i]->admin != POOL_ADMIN_MAINTENANCE);
        assert_non_null(o);
        assert_true(origin_is_in_pool(o));
        assert_int_equal(o->up, f->is_up);
        assert_int_equal(o->stats_slot, f->stats_slot);
    }
}

static void test_agree_without_memory(void **state)
{
    bool is_over = false;

    (void)state;
    for (unsigned n = 1; !is_over; n++) {
        start();
        fault_set(n);
        play();
        is_over = fault_is_armed();
        fault_set(0);
        settle();
        check_agreement();
        add("5"); /* nothing has stopped for good */
        assert_non_null(pool_find_url(pool_default(m->pool), SPAN("http://127.0.0.1:5")));
        settle();
        check_agreement();
        stop();
    }
}

/* On a way back, too: a server comes back while it is on its way out. */
static void test_agree_on_a_way_back(void **state)
{
    bool is_over = false;
    struct pool_command c;

    (void)state;
    for (unsigned n = 1; !is_over; n++) {
        start();
        add("1");
        take_out();
        pool_command_init(&c, POOL_RESTORE);
        c.restore = pool_history_at(m->history, 1)->revision;
        fault_set(n);
        propose(&c);
        is_over = fault_is_armed();
        fault_set(0);
        settle();
        check_agreement();
        stop();
    }
}

/* The same with memory missing for a while: each of several in a row, in both processes. */
static void test_agree_after_a_time_without_memory(void **state)
{
    (void)state;
    for (unsigned every = 2; every < 60; every += engine == ENGINE_SOLO ? 1 : 6) {
        start();
        add("1");
        for (unsigned i = 0; i < 12; i++) {
            fault_set(1 + i % every);
            play();
            fault_set(0);
            if (i % 3 == 0)
                fire(&slot->channel.retry);
            turns(3);
        }
        settle();
        check_agreement();
        stop();
    }
}

/* Whatever whole states come: the worker has the same servers, under the same names, and no
 * other ones. */
static void check_origins_of(const struct pool *p)
{
    struct origin *o;

    for (uint32_t i = 0; i < p->server_n; i++) {
        o = origin_find(&worker, p->servers[i]->id);
        assert_string_equal(o->authority, p->servers[i]->authority);
        assert_int_equal(o->weight, p->servers[i]->weight);
        assert_int_equal(o->admin, p->servers[i]->admin);
        assert_true(origin_is_in_pool(o));
    }
}

static void check_origins(void)
{
    struct origin *o, *next;
    uint32_t in_pool_n = 0;

    HASH_ITER (hh, worker.origins, o, next)
        in_pool_n += origin_is_in_pool(o);
    assert_int_equal(in_pool_n, m->pool->server_n);
    for (uint32_t i = 0; i < m->pool->pool_n; i++)
        check_origins_of(m->pool->pools[i]);
}

/* It accepts where the manager listens, and nowhere else. */
static void check_acceptors(void)
{
    const struct listening *l;
    const struct acceptor *a;
    unsigned open_n = 0, accepting_n = 0;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry) {
        assert_int_equal(l->state, LISTENING_OPEN);
        a = acceptor_find(&worker, l->socket_no);
        assert_non_null(a);
        assert_true(sock_is_open(&a->sock));
        assert_int_equal(a->listener->id, l->listener_id);
        open_n++;
    }
    LIST_FOREACH (a, &worker.acceptors, entry)
        accepting_n += sock_is_open(&a->sock);
    assert_int_equal(accepting_n, open_n);
}

static void restore_random(struct rand_state *rand)
{
    struct pool_replica r;

    do {
        fixture_random_replica(&r, rand);
        if (r.state->index != m->pool->index)
            break;
        pool_replica_fini(&r); /* an index has one digest */
    } while (true);
    assert_int_equal(servers_restore(m, &r), 0);
}

static void check_restored(void)
{
    assert_false(channel.is_lacking || slot->channel.is_stale);
    assert_int_equal(worker.pool_state->digest, m->pool->digest);
    assert_true(publish_is_acked(&m->publish, m->publish.seq));
    for (const struct server_facts *f = facts_next(&m->facts, NULL); f != NULL;
         f = facts_next(&m->facts, f)) {
        if (f->removed != NULL)
            continue;
        assert_int_equal(origin_find(&worker, f->id)->up, f->is_up);
        assert_int_equal(origin_find(&worker, f->id)->stats_slot, f->stats_slot);
    }
    check_origins();
    check_acceptors();
}

static void test_agree_after_restores(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rand_state rand;

        rand_seed(&rand, seed);
        start();
        for (unsigned i = 0; i < 6; i++) {
            restore_random(&rand);
            if (rand_below(&rand, 2) == 0)
                tell_facts();
            settle();
            check_restored();
            leaving_sweep(m);
            turns(5);
            assert_int_equal(HASH_COUNT(worker.origins), m->pool->server_n);
        }
        assert_int_equal(slot->state, SLOT_RUNNING);
        stop();
    }
}

/* ---- cut off ---- */

enum { CUT_CHANGES = 16 };

static void on_told(struct change *ch)
{
    int *result = ch->waiter;

    *result = ch->error < 0 ? ch->error : ch->outcome.result;
    change_end(ch);
}

/* Acknowledged? Not when the engine is cut off meanwhile. */
static bool try_change(struct pool_command *c)
{
    int result = 1;
    struct change *ch;

    assert_int_equal(change_new(m, c, &ch), 0);
    pool_command_fini(c);
    change_propose(ch, on_told, &result);
    while (result == 1 && !delayed_is_cut(m->cluster)) {
        turns(1);
        if (result == 1 && ch->phase == CHANGE_PAUSED)
            fire(&ch->timer);
    }
    if (result == 1)
        turns(5); /* what is committed may still reach the workers and be told */
    if (result == 1)
        change_end(ch);
    return result == 0;
}

static const struct pool_server *server_of(unsigned i)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u", i / 2 + 1);
    return pool_find_url(pool_default(m->pool), span_from_str(url));
}

/* A server is added, then it changes. */
static bool try_nth(unsigned i)
{
    struct pool_command c;
    struct pool_error refusal;
    char body[96];

    if (i % 2 == 0) {
        snprintf(body, sizeof(body),
                 "{\"url\":\"http://127.0.0.1:%u\",\"check\":{\"type\":\"none\"}}", i / 2 + 1);
        assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &refusal), 0);
        return try_change(&c);
    }
    if (server_of(i) == NULL)
        return false;
    pool_command_init(&c, POOL_CHANGE_SERVER);
    c.server_id = server_of(i)->id;
    c.set = POOL_SET_WEIGHT;
    c.server.weight = (uint16_t)(100 + i);
    return try_change(&c);
}

static void check_acknowledged(const bool *is_acknowledged)
{
    for (unsigned i = 0; i < CUT_CHANGES; i++) {
        if (!is_acknowledged[i])
            continue;
        assert_non_null(server_of(i));
        if (i % 2 == 1)
            assert_int_equal(server_of(i)->weight, 100 + i);
    }
}

/* At each boundary in turn: proposed, committed, handed over, told. The next manager begins
 * with what the engine had stored: it and its workers agree, and nothing that was acknowledged
 * is lost. */
static void test_cut_off_anywhere(void **state)
{
    bool is_over = false;

    (void)state;
    for (uint32_t at = 1; !is_over; at++) {
        struct delayed_store store;
        struct delayed_options options = {
            .seed = at, .lose = 15, .restore = 30, .cut_after = at, .store = &store};
        bool is_acknowledged[CUT_CHANGES] = {false};

        delayed_store_init(&store);
        start_with(&options);
        for (unsigned i = 0; i < CUT_CHANGES && !delayed_is_cut(m->cluster); i++)
            is_acknowledged[i] = try_nth(i);
        is_over = !delayed_is_cut(m->cluster);
        stop();
        options.cut_after = 0;
        start_with(&options);
        settle();
        check_agreement();
        check_origins();
        check_acknowledged(is_acknowledged);
        stop();
        delayed_store_fini(&store);
        assert_true(at > 2 * CUT_CHANGES || !is_over); /* it was cut off at all */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agree_without_memory),
        cmocka_unit_test(test_agree_after_a_time_without_memory),
        cmocka_unit_test(test_agree_on_a_way_back),
        cmocka_unit_test(test_agree_after_restores),
    };

    const struct CMUnitTest delayed_only[] = {
        cmocka_unit_test(test_cut_off_anywhere),
    };
    int failed_n;

    engine = ENGINE_SOLO;
    failed_n = cmocka_run_group_tests_name("solo", tests, NULL, NULL);
    engine = ENGINE_DELAYED;
    return failed_n + cmocka_run_group_tests_name("delayed", tests, NULL, NULL) +
           cmocka_run_group_tests_name("cut off", delayed_only, NULL, NULL);
}
