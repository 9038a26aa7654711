#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/bytes.h"
#include "fixture.h"
#include "manager/applied.h"
#include "manager/views.h"

/* A manager among members of whom the tests say what their workers have. */

enum { FIRST = 0x7a, SECOND = 0x7b, LIFE = 5, WANTED = 0, HAS = 1, HALTED = 2, OTHER = 3 };
#define MAGIC UINT64_C(0x6465696c70706177)

static const struct delayed_options calm = {.seed = 1};
static struct manager *m;
static struct cluster_ops ops;

/* What this node has shared last, and how often. */
static struct {
    unsigned n;
    uint8_t what;
    uint64_t index;
} shared;

static unsigned told_n;

static void on_told(struct applied_waiter *w)
{
    (void)w;
    told_n++;
}

static void on_share(struct cluster *c, struct span bytes)
{
    struct bytes_in in;

    (void)c;
    bytes_in_init(&in, bytes);
    if (bytes_get_u64(&in) != MAGIC)
        return; /* of health */
    shared.what = bytes_get_u8(&in);
    shared.index = bytes_get_u64(&in);
    assert_true(bytes_in_is_done(&in));
    shared.n++;
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    ops = *m->cluster->ops;
    ops.share = on_share;
    m->cluster->ops = &ops;
    told_n = shared.n = 0;
    return 0;
}

static int setup_three(void **state)
{
    setup(state);
    fixture_add_member(m, FIRST);
    fixture_add_member(m, SECOND);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

static struct span message(char buf[APPLIED_BYTES + 1], uint64_t magic, uint8_t what,
                           uint64_t index)
{
    struct bytes_out out;

    bytes_out_init(&out, buf, APPLIED_BYTES);
    bytes_put_u64(&out, magic);
    bytes_put_u8(&out, what);
    bytes_put_u64(&out, index);
    return span_from(buf, out.len);
}

static void say(uint64_t from, uint8_t what, uint64_t index)
{
    char buf[APPLIED_BYTES + 1];

    assert_true(applied_on_shared(m, from, message(buf, MAGIC, what, index)));
}

/* It is in reach from now on. */
static void hear(uint64_t id)
{
    static struct views_message_out out;

    assert_false(views_hears(m, id));
    views_message_begin(&out, LIFE, false);
    views_on_shared(m, id, views_message_bytes(&out));
    assert_true(views_hears(m, id));
}

static void fire_again(void)
{
    timer_stop(loop_timers(m->loop), &m->applied->again);
    m->applied->again.on_fire(&m->applied->again);
}

static void add(const char *body)
{
    struct pool_outcome p;

    assert_int_equal(fixture_add(m, body, &p), 0);
}

static void test_alone(void **state)
{
    struct applied_waiter w = {.fn = NULL};

    (void)state;
    applied_wait(m, &w, 1, on_told);
    assert_int_equal(told_n, 1);
    assert_true(w.is_everywhere && w.missing_n == 0);
    assert_int_equal(shared.n, 0);
}

static void test_all_in_reach(void **state)
{
    struct applied_waiter w = {.fn = NULL}, later = {.fn = NULL};

    (void)state;
    hear(FIRST);
    hear(SECOND);
    say(FIRST, HAS, 9);
    applied_wait(m, &w, 10, on_told);
    applied_wait(m, &later, 11, on_told);
    assert_int_equal(shared.what, WANTED);
    assert_int_equal(shared.index, 11);
    say(FIRST, HAS, 12); /* more than was asked for */
    say(SECOND, HAS, 9);
    assert_int_equal(told_n, 0);
    say(SECOND, HAS, 10);
    assert_int_equal(told_n, 1);
    assert_true(w.is_everywhere && w.missing_n == 0);
    say(SECOND, HAS, 11);
    assert_int_equal(told_n, 2);
    assert_true(later.is_everywhere);
}

/* Nothing is kept on its way: the question may be lost, and the response. */
static void test_asks_again(void **state)
{
    struct applied_waiter w = {.fn = NULL};

    (void)state;
    hear(FIRST);
    applied_wait(m, &w, 10, on_told);
    const unsigned n = shared.n;
    fire_again();
    assert_int_equal(shared.n, n + 1);
    assert_int_equal(shared.index, 10);
    say(FIRST, HAS, 10);
    assert_int_equal(told_n, 1);
    fire_again();
    assert_int_equal(shared.n, n + 1); /* nobody waits any more */
}

static void test_out_of_reach(void **state)
{
    struct applied_waiter w = {.fn = NULL}, other = {.fn = NULL};
    char text[APPLIED_TEXT_MAX];

    (void)state;
    hear(FIRST);
    applied_wait(m, &w, 10, on_told);
    say(FIRST, HAS, 10);
    assert_int_equal(told_n, 1);
    assert_true(w.is_everywhere);
    applied_print_missing(&w, text);
    assert_string_equal(text, "000000000000007b");
    applied_wait(m, &other, 20, on_told);
    assert_true(health_nodes_age(&m->views->nodes, loop_now_ms(m->loop) + 60000, 1000));
    fire_again(); /* it fell silent */
    assert_int_equal(told_n, 2);
    assert_true(other.is_everywhere);
    applied_print_missing(&other, text);
    assert_string_equal(text, "000000000000007a, 000000000000007b");
}

/* One that has halted is not waited for, and named; it may be another Weldr the next time. */
static void test_halted(void **state)
{
    struct applied_waiter w = {.fn = NULL}, later = {.fn = NULL};

    (void)state;
    hear(FIRST);
    hear(SECOND);
    say(FIRST, HALTED, 9); /* nobody has asked */
    applied_wait(m, &w, 10, on_told);
    say(SECOND, HAS, 10);
    assert_int_equal(told_n, 0);
    say(FIRST, HALTED, 9);
    assert_int_equal(told_n, 1);
    assert_true(w.is_everywhere);
    assert_int_equal(w.missing_n, 1);
    assert_int_equal(w.missing[0], FIRST);
    applied_wait(m, &later, 11, on_told);
    say(SECOND, HAS, 11);
    assert_int_equal(told_n, 1);
    say(FIRST, HAS, 11);
    assert_int_equal(told_n, 2);
    assert_int_equal(later.missing_n, 0);
}

static void on_status(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = (struct cluster_status){.halt = {.is_halted = true}};
}

/* What it has applied it says as ever. */
static void test_says_that_it_has_halted(void **state)
{
    (void)state;
    add("{\"url\":\"http://127.0.0.1:1\",\"check\":{\"type\":\"none\"}}");
    ops.status = on_status;
    say(FIRST, WANTED, m->pool->index);
    assert_int_equal(shared.n, 1);
    assert_int_equal(shared.what, HAS);
    say(FIRST, WANTED, m->pool->index + 1);
    assert_int_equal(shared.n, 2);
    assert_int_equal(shared.what, HALTED);
    assert_int_equal(shared.index, m->pool->index);
}

static void test_not_in_time(void **state)
{
    struct applied_waiter w = {.fn = NULL}, gone = {.fn = NULL};

    (void)state;
    hear(FIRST);
    hear(SECOND);
    applied_wait(m, &w, 10, on_told);
    applied_wait(m, &gone, 10, on_told);
    applied_cancel(m, &gone);
    say(FIRST, HAS, 10);
    w.until_ms = loop_now_ms(m->loop);
    fire_again();
    assert_int_equal(told_n, 1);
    assert_false(w.is_everywhere);
    assert_int_equal(w.missing_n, 1);
    assert_int_equal(w.missing[0], SECOND);
}

static void test_responds(void **state)
{
    (void)state;
    add("{\"url\":\"http://127.0.0.1:1\",\"check\":{\"type\":\"none\"}}");
    const uint64_t index = m->pool->index;
    assert_int_equal(shared.n, 0); /* nobody has asked */
    say(FIRST, WANTED, index);
    assert_int_equal(shared.n, 1);
    assert_int_equal(shared.what, HAS);
    assert_int_equal(shared.index, index);
    say(SECOND, WANTED, index - 1); /* again, and by whom it was lost */
    assert_int_equal(shared.n, 2);
    say(FIRST, WANTED, index + 1);
    assert_int_equal(shared.n, 2); /* not yet */
    add("{\"url\":\"http://127.0.0.1:2\",\"check\":{\"type\":\"none\"}}");
    assert_true(m->pool->index > index);
    assert_int_equal(shared.n, 3);
    assert_int_equal(shared.index, m->pool->index);
    add("{\"url\":\"http://127.0.0.1:3\",\"check\":{\"type\":\"none\"}}");
    assert_int_equal(shared.n, 3); /* nobody has asked for that */
}

static void test_no_message_of_this(void **state)
{
    static struct views_message_out out;
    char buf[APPLIED_BYTES + 1] = "";

    (void)state;
    assert_false(applied_on_shared(m, FIRST, message(buf, MAGIC + 1, HAS, 1)));
    assert_false(applied_on_shared(m, FIRST, message(buf, MAGIC, OTHER, 1)));
    const struct span whole = message(buf, MAGIC, HAS, 1);
    for (size_t n = 0; n < whole.len; n++)
        assert_false(applied_on_shared(m, FIRST, span_first(whole, n)));
    assert_false(applied_on_shared(m, FIRST, span_from(buf, whole.len + 1)));
    for (unsigned n = 0; n <= 3; n++) {
        views_message_begin(&out, MAGIC, true);
        for (unsigned i = 0; i < n; i++)
            views_message_add(&out, &(struct views_message_item){.id = i + 1});
        assert_false(applied_on_shared(m, FIRST, views_message_bytes(&out)));
    }
}

/* More members than there is room for have come and gone. */
static void test_room(void **state)
{
    struct applied_waiter w = {.fn = NULL};

    (void)state;
    hear(FIRST);
    for (unsigned i = 0; i < 2 * MEMBERS_MAX; i++)
        say(1000 + i, HAS, 1);
    applied_wait(m, &w, 10, on_told);
    say(FIRST, HAS, 10);
    assert_int_equal(told_n, 1);
    assert_true(w.is_everywhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_in_reach, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_asks_again, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_reach, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_not_in_time, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_halted, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_says_that_it_has_halted, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_responds, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_no_message_of_this, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_room, setup_three, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
