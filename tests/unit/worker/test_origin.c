#include <stdlib.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "net/loop_sim.h"
#include "pool/pool_apply.h"
#include "pool/pool_snapshot.h"
#include "worker/origin.h"
#include "worker/worker.h"

/* The run-time side of the pool, without a network: who is there, who is picked, who goes. */

struct setup {
    struct loop *loop;
    struct stats_worker *stats;
    struct pool_state *pool; /* the manager's */
    struct worker worker;
};

static struct pool_change apply(struct setup *s, const struct pool_command *c)
{
    struct pool_change change = {0};

    assert_int_equal(pool_apply(s->pool, c, s->pool->index + 1, &change), 0);
    pool_server_free(change.removed);
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
    return change.server_id;
}

static void take_out(struct setup *s, uint64_t id)
{
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    apply(s, &c);
    pool_command_fini(&c);
}

static int take_snapshot(struct setup *s)
{
    unsigned armed = fault_countdown;
    char *bytes;
    size_t len;
    int rc;

    fault_set(0);
    assert_int_equal(pool_snapshot_encode(s->pool, &bytes, &len), 0);
    fault_set(armed);
    rc = worker_snapshot(&s->worker, span_from(bytes, len));
    free(bytes);
    return rc;
}

static int tell(struct setup *s, uint64_t id, uint32_t slot, uint32_t flags)
{
    struct frame_local facts = {.server_id = id, .stats_slot = slot, .flags = flags};

    return worker_local(&s->worker, &facts);
}

static struct setup *make(void)
{
    struct setup *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->loop = loop_sim_new(1, NULL);
    s->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*s->stats));
    s->pool = pool_state_new();
    assert_true(s->loop && s->stats && s->pool);
    memset(s->stats, 0, sizeof(*s->stats));
    assert_int_equal(worker_init(&s->worker, s->loop, s->stats, 0, 1), 0);
    return s;
}

static void drop(struct setup *s)
{
    worker_fini(&s->worker);
    pool_state_free(s->pool);
    free(s->stats);
    loop_free(s->loop);
    free(s);
}

static uint64_t pick(struct setup *s)
{
    struct origin *o = worker_pick(&s->worker, NULL);

    return o ? o->server_id : 0;
}

static void test_snapshot(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1:81", 1);
    uint64_t b = add(s, "http://[::1]:82", 1);
    const struct origin *o;

    (void)state;
    assert_int_equal(take_snapshot(s), 0);
    o = origin_find(&s->worker, a);
    assert_non_null(o);
    assert_true(o->in_pool && o->up && !o->gone);
    assert_string_equal(o->authority, "10.0.0.1:81");
    assert_int_equal(o->addr_n, 1);
    assert_int_equal(o->addrs[0].port, 81);
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
    assert_false(origin_find(&s->worker, a)->in_pool);
    assert_int_equal(take_snapshot(s), 0);
    assert_int_equal(origin_find(&s->worker, a)->stats_slot, 7);
    s->worker.pool_state->pools[0].fail_open = false;
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
    assert_int_equal(take_snapshot(s), 0);
    take_out(s, a);
    c = add(s, "http://10.0.0.3", 1);
    assert_int_equal(take_snapshot(s), 0);
    assert_null(origin_find(&s->worker, a));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t id = pick(s);

        assert_true(id == b || id == c);
    }
    assert_int_equal(tell(s, a, STATS_NO_SLOT, FRAME_LOCAL_GONE), 0);
    assert_null(origin_find(&s->worker, a));
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
    assert_int_equal(take_snapshot(s), 0);
    o = origin_find(&s->worker, a);
    o->in_flight = 1;
    take_out(s, a);
    assert_int_equal(take_snapshot(s), 0);
    assert_ptr_equal(origin_find(&s->worker, a), o);
    o->in_flight = 0;
    origin_check_done(o);
    assert_null(origin_find(&s->worker, a));
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
    assert_int_equal(take_snapshot(s), 0);
    assert_int_equal(tell(s, a, 0, FRAME_LOCAL_GONE), 0);
    assert_non_null(origin_find(&s->worker, a)); /* in the pool still */
    o = origin_find(&s->worker, b);
    o->in_flight = 1;
    take_out(s, a);
    take_out(s, b);
    assert_int_equal(take_snapshot(s), 0);
    assert_null(origin_find(&s->worker, a));
    assert_int_equal(tell(s, b, 0, FRAME_LOCAL_GONE), 0);
    assert_ptr_equal(origin_find(&s->worker, b), o);
    o->in_flight = 0;
    origin_check_done(o);
    assert_null(origin_find(&s->worker, b));
    assert_int_equal(pick(s), 0);
    drop(s);
}

static void test_avoid(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);
    uint64_t b = add(s, "http://10.0.0.2", 1);
    struct origin *avoided;

    (void)state;
    assert_int_equal(take_snapshot(s), 0);
    avoided = origin_find(&s->worker, a);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(worker_pick(&s->worker, avoided)->server_id, b);
    assert_int_equal(tell(s, b, 1, 0), 0);
    assert_null(worker_pick(&s->worker, avoided));
    drop(s);
}

static void test_weight_0(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 0);
    uint64_t b = add(s, "http://10.0.0.2", 1);

    (void)state;
    assert_int_equal(take_snapshot(s), 0);
    assert_non_null(origin_find(&s->worker, a));
    assert_int_equal(pick(s), b);
    assert_int_equal(pick(s), b);
    drop(s);
}

static void test_bad_bytes(void **state)
{
    struct setup *s = make();
    uint64_t a = add(s, "http://10.0.0.1", 1);

    (void)state;
    assert_int_equal(worker_apply(&s->worker, 1, SPAN("early")), WERR_CORRUPT);
    assert_int_equal(take_snapshot(s), 0);
    assert_true(worker_snapshot(&s->worker, SPAN("no snapshot")) < 0);
    assert_true(worker_apply(&s->worker, s->pool->index + 1, SPAN("no entry")) < 0);
    assert_int_equal(worker_apply(&s->worker, s->pool->index, SPAN("again")), WERR_CORRUPT);
    assert_int_equal(pick(s), a);
    assert_int_equal(s->worker.pool_state->digest, s->pool->digest);
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
        if (tell(s, a, 1, FRAME_LOCAL_UP) == 0 && take_snapshot(s) == 0)
            (void)pick(s);
        was_struck = !fault_is_armed();
        fault_set(0);
        if (!was_struck)
            assert_int_equal(pick(s), a);
        drop(s);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot),  cmocka_unit_test(test_facts_before_the_pool),
        cmocka_unit_test(test_resync),    cmocka_unit_test(test_resync_in_flight),
        cmocka_unit_test(test_goes),      cmocka_unit_test(test_avoid),
        cmocka_unit_test(test_weight_0),  cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
