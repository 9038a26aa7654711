#include "lone_worker.h"

#include <stdio.h>

#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "worker/eject.h"
#include "worker/origin.h"
#include "worker/origin_table.h"
#include "worker/pick.h"
#include "worker/place.h"
#include "worker/pool_runtime.h"
#include "worker/rotation.h"

/* The run-time side of the pool, without a network: who is there, who is picked, who goes. */

struct setup {
    struct lone_worker lone;
    struct rand_state rand;
};

static struct pool_change apply(struct setup *s, const struct pool_command *c)
{
    struct pool_change change = {0};

    assert_int_equal(pool_apply(s->lone.pool, c, s->lone.pool->index + 1, &change), 0);
    pool_change_fini(&change);
    change.removed = NULL;
    return change;
}

static uint64_t add(struct setup *s, const char *url, uint16_t weight)
{
    struct pool_command c;
    struct pool_error error;
    struct pool_change change;

    pool_command_init(&c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(span_from_str(url), &c.server, &error), 0);
    c.server.weight = weight;
    change = apply(s, &c);
    pool_command_fini(&c);
    return change.id;
}

static void take_out(struct setup *s, uint64_t id)
{
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    apply(s, &c);
    pool_command_fini(&c);
}

static int tell(struct setup *s, uint64_t id, uint32_t slot, uint32_t flags)
{
    struct frame_local facts = {.server_id = id, .stats_slot = slot, .flags = flags};

    return worker_local(&s->lone.worker, &facts);
}

static struct setup *make(void)
{
    struct setup *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    lone_worker_init(&s->lone);
    return s;
}

static void drop(struct setup *s)
{
    lone_worker_fini(&s->lone);
    free(s);
}

static const struct balance_ask no_ask;

static struct pool_runtime *pool_of(const struct worker *w)
{
    return pool_runtime_find(w, 0);
}

/* Its place is given back. */
static uint64_t id_of(struct origin *o)
{
    const uint64_t id = o != NULL ? o->server_id : 0;

    if (o != NULL)
        place_give(o);
    return id;
}

static uint64_t pick(struct setup *s)
{
    return id_of(pick_server(pool_of(&s->lone.worker), &no_ask));
}

static void test_snapshot(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1:81", 1);
    uint64_t b = add(s, "http://[::1]:82", 1);
    const struct origin *o;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    o = origin_find(&s->lone.worker, a);
    assert_non_null(o);
    assert_true(o->state == ORIGIN_SERVING && o->up);
    assert_string_equal(o->authority, "10.0.0.1:81");
    assert_int_equal(o->addrs->n, 1);
    assert_int_equal(o->addrs->at[0].addr.port, 81);
    assert_int_equal(o->stats_slot, STATS_NO_SLOT);
    assert_int_equal(pick(s), a);
    assert_int_equal(pick(s), b);
    assert_int_equal(pick(s), a);
    drop(s);
}

static void test_facts_before_the_pool(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);

    (void)state;
    assert_int_equal(tell(s, a, 7, 0), 0);
    assert_int_equal(origin_find(&s->lone.worker, a)->state, ORIGIN_NEW);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_int_equal(origin_find(&s->lone.worker, a)->stats_slot, 7);
    pool_of(&s->lone.worker)->settings.fail_open = false;
    assert_int_equal(pick(s), 0); /* down */
    assert_int_equal(tell(s, a, 7, FRAME_LOCAL_UP), 0);
    assert_int_equal(pick(s), a);
    drop(s);
}

/* A later snapshot takes away what is in it no more. */
static void test_resync(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);
    uint64_t b = add(s, "http://10.0.0.2", 1);
    uint64_t c;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    take_out(s, a);
    c = add(s, "http://10.0.0.3", 1);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_null(origin_find(&s->lone.worker, a));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t id = pick(s);

        assert_true(id == b || id == c);
    }
    assert_int_equal(tell(s, a, STATS_NO_SLOT, FRAME_LOCAL_GONE), 0);
    assert_null(origin_find(&s->lone.worker, a));
    drop(s);
}

/* One that was removed lives as long as its requests, whether the manager's word comes or not.
 */
static void test_resync_in_flight(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);
    struct origin *o;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    o = origin_find(&s->lone.worker, a);
    o->in_flight = 1;
    take_out(s, a);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_ptr_equal(origin_find(&s->lone.worker, a), o);
    o->in_flight = 0;
    origin_check_done(o);
    assert_null(origin_find(&s->lone.worker, a));
    drop(s);
}

/* It goes when neither the pool nor the manager nor a request needs it, in whatever order. */
static void test_goes(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);
    uint64_t b = add(s, "http://10.0.0.2", 1);
    struct origin *o;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_int_equal(tell(s, a, 0, FRAME_LOCAL_GONE), 0);
    assert_non_null(origin_find(&s->lone.worker, a)); /* in the pool still */
    o = origin_find(&s->lone.worker, b);
    o->in_flight = 1;
    take_out(s, a);
    take_out(s, b);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_null(origin_find(&s->lone.worker, a));
    assert_int_equal(tell(s, b, 0, FRAME_LOCAL_GONE), 0);
    assert_ptr_equal(origin_find(&s->lone.worker, b), o);
    o->in_flight = 0;
    origin_check_done(o);
    assert_null(origin_find(&s->lone.worker, b));
    assert_int_equal(pick(s), 0);
    drop(s);
}

static uint64_t pick_next(struct setup *s, struct pick_row *row)
{
    return id_of(pick_other(pool_of(&s->lone.worker), &no_ask, row));
}

static void test_others(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);
    uint64_t b = add(s, "http://10.0.0.2", 1);

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct pick_row row = {.failed_id = a};

        assert_int_equal(pick_next(s, &row), b);
        assert_int_equal(pick_next(s, &row), 0);
    }
    assert_int_equal(tell(s, b, 1, 0), 0);
    assert_int_equal(pick_next(s, &(struct pick_row){.failed_id = a}), 0);
    drop(s);
}

/* Whatever the weights, each of the others comes once, and first picks go on as if nothing
 * were.
 */
static void test_others_each_once(void **state)
{
    static const uint16_t weights[][4] = {{1, 1, 1, 1}, {4, 2, 1, 1}};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct setup *s = make();
        uint64_t ids[4], turns[8];

        for (unsigned i = 0; i < 4; i++) {
            char url[32];

            (void)snprintf(url, sizeof(url), "http://10.0.0.%u", i + 1);
            ids[i] = add(s, url, weights[k][i]);
        }
        assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
        for (unsigned i = 0; i < 8; i++)
            turns[i] = pick(s);
        for (unsigned i = 0; i < 8; i++) {
            struct pick_row row = {.failed_id = pick(s)};
            uint64_t sum = row.failed_id;

            assert_int_equal(row.failed_id, turns[i]);
            for (unsigned n = 0; n < 3; n++)
                sum += pick_next(s, &row);
            assert_int_equal(sum, ids[0] + ids[1] + ids[2] + ids[3]);
            assert_int_equal(pick_next(s, &row), 0);
        }
        drop(s);
    }
}

static void test_weight_0(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 0);
    uint64_t b = add(s, "http://10.0.0.2", 1);

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_non_null(origin_find(&s->lone.worker, a));
    assert_int_equal(pick(s), b);
    assert_int_equal(pick(s), b);
    drop(s);
}

/* ---- one by one and all at once ---- */

enum { SERVERS = 12, ROUNDS = 4000 };

static void tell_entry(struct setup *s, struct worker *other, const struct pool_command *c)
{
    const uint64_t index = s->lone.pool->index + 1;
    char *entry;
    size_t len;

    assert_int_equal(pool_code_encode(c, &entry, &len), 0);
    (void)apply(s, c);
    assert_int_equal(worker_apply(&s->lone.worker, index, span_from(entry, len)), 0);
    assert_int_equal(worker_apply(other, index, span_from(entry, len)), 0);
    free(entry);
}

static uint64_t tell_server(struct setup *s, struct worker *other, unsigned i, uint16_t weight)
{
    struct pool_command c;
    char url[32];

    (void)snprintf(url, sizeof(url), "http://10.0.0.%u", i);
    pool_command_init(&c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(span_from_str(url), &c.server, NULL), 0);
    c.server.weight = weight;
    tell_entry(s, other, &c);
    pool_command_fini(&c);
    return s->lone.pool->index;
}

static void tell_change(struct setup *s, struct worker *other, uint64_t id, unsigned what)
{
    struct pool_command c;

    pool_command_init(&c, what == 0   ? POOL_REMOVE_SERVER
                          : what == 1 ? POOL_CHANGE_SERVER
                                      : POOL_SET_SERVER_ADMIN);
    c.server_id = id;
    c.set = what == 1 ? POOL_SET_WEIGHT : 0;
    c.server.weight = (uint16_t)rand_below(&s->rand, 3);
    c.server.admin = (uint8_t)rand_below(&s->rand, 2);
    tell_entry(s, other, &c);
    pool_command_fini(&c);
}

static void tell_facts(struct setup *s, struct worker *other, uint64_t id, uint32_t flags)
{
    const struct frame_local facts = {id, STATS_NO_SLOT, flags};

    assert_int_equal(worker_local(&s->lone.worker, &facts), 0);
    assert_int_equal(worker_local(other, &facts), 0);
}

static void tell_fail_open(struct setup *s, struct worker *other)
{
    const struct setting *f = settings_find_path(&pool_settings_table, "fail_open");
    struct pool_command c;

    pool_command_init(&c, POOL_SET_POOL);
    c.given = setting_bit(&pool_settings_table, f);
    setting_set(&c.settings, f, rand_below(&s->rand, 2));
    tell_entry(s, other, &c);
    pool_command_fini(&c);
}

/* As eject.c does it, which has exchanges to learn from. */
static void eject_or_end(struct worker *w, uint64_t id)
{
    struct origin *o = origin_find(w, id);

    if (o->state == ORIGIN_EJECTED) {
        eject_end(o);
    } else if (o->up && rotation_is_wanted(o)) {
        rotation_eject(o);
    }
}

static void change_one(struct setup *s, struct worker *other, uint64_t *id, unsigned i)
{
    const unsigned what = (unsigned)rand_below(&s->rand, 10);

    if (what == 9)
        tell_fail_open(s, other);
    else if (*id != 0 && what >= 7) {
        eject_or_end(&s->lone.worker, *id);
        eject_or_end(other, *id);
    } else if (*id == 0)
        *id = tell_server(s, other, i, (uint16_t)rand_below(&s->rand, 3));
    else if (what < 3)
        tell_change(s, other, *id, what);
    else
        tell_facts(s, other, *id, what == 3 ? 0 : FRAME_LOCAL_UP);
    if (*id != 0 && what == 0 && !pool_find_server(pool_default(s->lone.pool), *id)) {
        if (rand_below(&s->rand, 2) == 0)
            tell_facts(s, other, *id, FRAME_LOCAL_CUT); /* late facts of one that has gone */
        tell_facts(s, other, *id, FRAME_LOCAL_GONE);
        *id = 0;
    }
}

static bool is_in_list(const struct balance *b, const struct origin *o)
{
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->entries[i].target == o)
            return b->entries[i].key == o->server_id && b->entries[i].weight == o->weight;
    }
    return false;
}

/* Noted change by change, the list is the one that a rebuild makes. */
static void test_one_by_one_is_a_rebuild(void **state)
{
    struct setup *s = make();
    struct worker rebuilt;
    uint64_t ids[SERVERS] = {0};
    unsigned kept_n = 0, open_n = 0;

    (void)state;
    rand_seed(&s->rand, 20);
    assert_int_equal(worker_init(&rebuilt, s->lone.loop, s->lone.stats, 0, 1), 0);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    rebuilt.pool_state = pool_state_new();
    assert_non_null(pool_runtime_follow(&rebuilt, pool_default(rebuilt.pool_state)));
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned i = (unsigned)rand_below(&s->rand, SERVERS);
        const struct origin *a, *b;

        change_one(s, &rebuilt, &ids[i], i);
        kept_n += !pool_of(&s->lone.worker)->balance.is_stale;
        balance_spoil(&pool_of(&rebuilt)->balance);
        assert_int_equal(id_of(pick_server(pool_of(&s->lone.worker), &no_ask)) == 0,
                         id_of(pick_server(pool_of(&rebuilt), &no_ask)) == 0);
        assert_int_equal(pool_of(&s->lone.worker)->wanted_n, pool_of(&rebuilt)->wanted_n);
        assert_int_equal(pool_of(&s->lone.worker)->usable_n, pool_of(&rebuilt)->usable_n);
        assert_int_equal(pool_of(&s->lone.worker)->fail_open, pool_of(&rebuilt)->fail_open);
        open_n += pool_of(&s->lone.worker)->fail_open;
        assert_int_equal(pool_of(&s->lone.worker)->balance.n, pool_of(&rebuilt)->balance.n);
        for (unsigned k = 0; k < SERVERS; k++) {
            a = ids[k] ? origin_find(&s->lone.worker, ids[k]) : NULL;
            b = ids[k] ? origin_find(&rebuilt, ids[k]) : NULL;
            assert_true(a == NULL || (a->place == b->place && a->state == b->state &&
                                      (a->place == ORIGIN_LISTED) ==
                                          is_in_list(&pool_of(&s->lone.worker)->balance, a)));
        }
    }
    assert_true(kept_n > ROUNDS / 2 && open_n > 0);
    worker_fini(&rebuilt);
    drop(s);
}

static void test_bad_bytes(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);

    (void)state;
    assert_int_equal(worker_apply(&s->lone.worker, 1, SPAN("early")), WERR_CORRUPT);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_true(worker_snapshot(&s->lone.worker, SPAN("no snapshot")) < 0);
    assert_true(worker_apply(&s->lone.worker, s->lone.pool->index + 1, SPAN("no entry")) < 0);
    assert_int_equal(worker_apply(&s->lone.worker, s->lone.pool->index, SPAN("again")),
                     WERR_CORRUPT);
    assert_int_equal(pick(s), a);
    assert_int_equal(s->lone.worker.pool_state->digest, s->lone.pool->digest);
    drop(s);
}

static void test_no_memory(void **state)
{
    unsigned n = 0;
    bool was_struck = true;

    (void)state;
    while (was_struck) {
        struct setup *s = make();
        uint64_t a = add(s, "http://10.0.0.1", 1);

        fault_set(++n);
        if (tell(s, a, 1, FRAME_LOCAL_UP) == 0 && lone_worker_take_snapshot(&s->lone) == 0)
            (void)pick(s);
        was_struck = !fault_is_armed();
        fault_set(0);
        if (!was_struck)
            assert_int_equal(pick(s), a);
        drop(s);
    }
    assert_true(n > 5);
}

/* ---- addresses ---- */

static int tell_addrs(struct setup *s, uint64_t id, unsigned n, uint64_t down)
{
    struct frame_addrs found = {.server_id = id, .n = n, .down = down};

    for (unsigned i = 0; i < n; i++)
        found.addrs[i] =
            (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 1, (uint8_t)(i + 1)}};
    return worker_addrs(&s->lone.worker, &found);
}

static void test_addresses(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://app.test", 1);
    const struct addr gone = {.family = AF_INET, .port = 80, .ip = {10, 0, 1, 64}};
    const struct origin *o;
    uint32_t version;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_int_equal(pick(s), 0); /* not resolved */
    assert_int_equal(tell_addrs(s, a, FRAME_ADDRS_N, 0), 0);
    assert_int_equal(pick(s), a);
    o = origin_find(&s->lone.worker, a);
    assert_int_equal(o->addrs->n, FRAME_ADDRS_N);
    assert_true(addr_set_keeps(o->addrs, &gone));
    version = o->addrs->version;
    assert_int_equal(tell_addrs(s, a, FRAME_ADDRS_N, UINT64_C(1) << 63), 0);
    assert_false(addr_set_keeps(o->addrs, &gone));
    assert_int_equal(tell_addrs(s, a, FRAME_ADDRS_N, UINT64_MAX), 0);
    assert_true(addr_set_keeps(o->addrs, &gone));
    assert_int_equal(tell_addrs(s, a, 63, 0), 0);
    assert_false(addr_set_keeps(o->addrs, &gone));
    assert_int_equal(o->addrs->version, version + 3);
    drop(s);
}

/* Short of memory the old addresses stay, all of them. */
static void test_addresses_and_no_memory(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://app.test", 1);
    const struct origin *o;

    (void)state;
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    assert_int_equal(tell_addrs(s, a, 2, 0), 0);
    fault_set(1);
    assert_int_equal(tell_addrs(s, a, 3, 1), WERR_NOMEM);
    fault_set(0);
    o = origin_find(&s->lone.worker, a);
    assert_true(o->addrs->n == 2 && o->addrs->version == 1 && pick(s) == a);
    drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_facts_before_the_pool),
        cmocka_unit_test(test_resync),
        cmocka_unit_test(test_resync_in_flight),
        cmocka_unit_test(test_goes),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_others_each_once),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_addresses_and_no_memory),
        cmocka_unit_test(test_weight_0),
        cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_one_by_one_is_a_rebuild),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
