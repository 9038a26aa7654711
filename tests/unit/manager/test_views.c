#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/events.h"
#include "manager/states.h"
#include "manager/usable.h"
#include "manager/views.h"

/* A manager among members of whom the tests say what they see. */

enum { FIRST = 0x7a, SECOND = 0x7b, LIFE = 5, MESSAGES_MAX = 32 };

#define CHECKED(more)                                                              \
    "{\"url\":\"http://127.0.0.1:1\",\"check\":{\"type\":\"tcp\",\"interval_ms\":" \
    "3600000,\"fast_interval_ms\":3600000" more "}}" /* nobody listens there */
#define MAJORITY ",\"agree\":\"majority\""

static const struct delayed_options calm = {.seed = 1};
static struct manager *m;
static struct cluster_ops ops;

/* What this node has told, one message after the other. */
static struct {
    char bytes[MESSAGES_MAX][VIEWS_MESSAGE_BYTES_MAX];
    size_t len[MESSAGES_MAX];
    unsigned n;
} told;

static void on_share(struct cluster *c, struct span bytes)
{
    (void)c;
    assert_true(bytes.len <= VIEWS_MESSAGE_BYTES_MAX);
    if (told.n == MESSAGES_MAX)
        told.n = 0; /* the clock goes on while servers are added */
    memcpy(told.bytes[told.n], bytes.ptr, bytes.len);
    told.len[told.n++] = bytes.len;
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    ops = *m->cluster->ops;
    ops.share = on_share;
    m->cluster->ops = &ops;
    told.n = 0;
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

static void fire(struct timer *t)
{
    timer_stop(loop_timers(m->loop), t);
    t->on_fire(t);
}

static void send_now(void)
{
    told.n = 0;
    fire(&m->views->send);
}

static struct server_facts *add(const char *body)
{
    struct pool_outcome p;

    assert_int_equal(fixture_add(m, body, &p), 0);
    return facts_find(&m->facts, p.id);
}

/* Its only check: it fails. */
static struct server_facts *add_judged(const char *body)
{
    struct server_facts *f = add(body);

    for (unsigned turns = 0; f->is_untried; turns++) {
        assert_true(turns < 1000);
        (void)loop_turn(m->loop, 10);
    }
    assert_int_equal(f->own_view, HEALTH_DOWN);
    return f;
}

/* What the members say. */
static void say(uint64_t from, uint64_t life, const struct server_facts *f,
                enum health_view view)
{
    static struct views_message_out out;

    views_message_begin(&out, life, false);
    views_message_add(&out, &(struct views_message_item){f->id, 1795446494123000, view});
    views_on_shared(m, from, views_message_bytes(&out));
}

/* The last event of this kind, as JSON, has this in it. */
static bool says(const char *kind, const char *what)
{
    const struct event_ring *r = &m->events->ring;
    char text[2000], wanted[64];

    (void)snprintf(wanted, sizeof(wanted), "\"kind\":\"%s\"", kind);
    for (uint64_t n = r->next; n-- > r->first;) {
        assert_int_equal(span_to_str(event_ring_data(r, n), text, sizeof(text)), 0);
        if (strstr(text, wanted) != NULL)
            return strstr(text, what) != NULL;
    }
    return false;
}

static unsigned items_of(unsigned message, struct views_message *read)
{
    struct views_message_item item;
    unsigned n = 0;

    assert_int_equal(
        views_message_read(span_from(told.bytes[message], told.len[message]), read), 0);
    struct views_message walk = *read;
    while (views_message_next(&walk, &item))
        n++;
    return n;
}

/* What was said of a server last; HEALTH_VIEWS: nothing. */
static enum health_view told_of(const struct server_facts *f)
{
    enum health_view view = HEALTH_VIEWS;
    struct views_message_item item;
    struct views_message message;

    for (unsigned i = 0; i < told.n; i++) {
        (void)items_of(i, &message);
        while (views_message_next(&message, &item))
            if (item.id == f->id)
                view = (enum health_view)item.view;
    }
    return view;
}

static void forget(unsigned node)
{
    m->views->nodes.list[node].heard_ms = 0;
    fire(&m->views->send);
    while (timer_is_set(&m->views->look))
        fire(&m->views->look);
}

static void test_alone_nothing_is_told(void **state)
{
    struct views_shown shown[VIEWS_SHOWN_MAX];

    (void)state;
    const struct server_facts *f = add_judged(CHECKED(MAJORITY));
    send_now();
    assert_int_equal(told.n, 0);
    assert_int_equal(m->views->changed_n, 0);
    assert_int_equal(views_show(m, f, shown), 0);
    assert_true(f->verdict == FACTS_OWN && !f->is_up);
}

/* The checks here have found it so. */
static void turn(struct server_facts *f, bool is_up)
{
    TAILQ_FIRST(&f->addrs)->rule.up = is_up;
    assert_true(facts_judge(f));
    m->checks.hooks.on_change(m, f);
}

static void test_what_is_seen_is_told(void **state)
{
    struct views_message message;

    (void)state;
    struct server_facts *f = add_judged(CHECKED(""));
    send_now();
    send_now();
    assert_int_equal(told_of(f), HEALTH_DOWN);
    assert_int_equal(items_of(0, &message), 1);
    assert_true(message.life == m->views->life && !message.asks);
    assert_true(m->views->due_ms >= m->views->sent_ms + VIEWS_SEND_MS);
    turn(f, true); /* that is told at once, and not in its turn */
    assert_true(m->views->due_ms <= loop_now_ms(m->loop) + VIEWS_MORE_MS);
    send_now();
    assert_int_equal(told_of(f), HEALTH_UP);
    assert_int_equal(items_of(0, &message), 2); /* its turn it was as well */
}

static void test_what_no_check_has_judged(void **state)
{
    (void)state;
    const struct server_facts *f = add(CHECKED(",\"initial\":\"down\""));
    send_now();
    assert_int_equal(told_of(f), HEALTH_UNKNOWN);
}

static void add_many(unsigned n)
{
    for (unsigned i = 1; i <= n; i++) {
        char body[80];

        (void)snprintf(body, sizeof(body),
                       "{\"url\":\"http://127.1.%u.%u:1\",\"check\":{\"type\":\"none\"}}",
                       i / 250, i % 250);
        (void)add(body);
    }
}

/* Of many servers so many a message, without pause only when somebody knows nothing. */
static void test_many_in_parts(void **state)
{
    enum { MANY = 2 * VIEWS_MESSAGE_MAX_N + 100 };
    struct views_message message;
    const struct server_facts *f = NULL;

    (void)state;
    add_many(MANY);
    m->views->changed_n = m->views->round_left = 0;
    m->views->round_id = UINT64_MAX; /* from the first on */
    send_now();
    assert_int_equal(items_of(0, &message), VIEWS_QUIET_N);
    assert_true(m->views->due_ms >= m->views->sent_ms + VIEWS_SEND_MS);
    views_on_reach(m);
    assert_true(m->views->due_ms <= m->views->sent_ms + VIEWS_MORE_MS);
    told.n = 0;
    for (unsigned i = 0; i < 3; i++) {
        fire(&m->views->send);
        assert_true(items_of(i, &message) <= VIEWS_MESSAGE_MAX_N);
        assert_int_equal(message.asks, i == 0);
    }
    while ((f = facts_next(&m->facts, f)) != NULL)
        assert_int_equal(told_of(f), HEALTH_UP);
    assert_true(m->views->due_ms >= m->views->sent_ms + VIEWS_MORE_MS);
}

static void test_who_asks_is_told_all(void **state)
{
    static struct views_message_out out;

    (void)state;
    add_many(VIEWS_QUIET_N + 10);
    m->views->changed_n = m->views->round_left = 0;
    views_message_begin(&out, LIFE, true);
    views_on_shared(m, FIRST, views_message_bytes(&out));
    assert_int_equal(m->views->round_left, VIEWS_QUIET_N + 10);
}

static void test_more_changes_than_there_is_room_for(void **state)
{
    (void)state;
    add_many(3);
    struct server_facts *f = add_judged(CHECKED(""));
    for (unsigned i = 0; i < VIEWS_CHANGED_MAX; i++)
        m->views->changed[i] = 999999;
    m->views->changed_n = VIEWS_CHANGED_MAX;
    m->views->round_left = 0;
    turn(f, true);
    assert_int_equal(m->views->round_left, 4);
    send_now(); /* those that are not there any more take no room */
    assert_int_equal(told_of(f), HEALTH_UP);
    assert_int_equal(m->views->changed_n, 0);
}

static unsigned overruled_n(void)
{
    const struct server_facts *f = NULL;
    unsigned n = 0;

    while ((f = facts_next(&m->facts, f)) != NULL)
        n += f->is_overruled;
    return n;
}

/* Of three, two see it up: so it is here, against the own view. */
static void test_most_are_followed(void **state)
{
    char reason[STATES_REASON_MAX];
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    assert_int_equal(f->record.state, SERVER_DOWN);
    say(FIRST, LIFE, f, HEALTH_UP);
    assert_true(f->verdict == FACTS_OWN && !f->is_up); /* 1 to 1 */
    const uint64_t seq = m->publish.seq;
    say(SECOND, LIFE, f, HEALTH_UP);
    assert_true(f->verdict == FACTS_AGREED_UP && f->is_up && !f->is_own_up);
    assert_int_equal(f->record.state, SERVER_ACTIVE);
    assert_int_equal(m->publish.seq, seq + 1);
    assert_true(says("server_overruled", "\"to\":\"active\""));
    assert_true(says("server_state", "2 of 3 nodes see it active; here 1 failed check"));
    (void)states_reason(m, f, reason, sizeof(reason));
    assert_non_null(strstr(reason, "2 of 3 nodes see it active; here 1 failed check: "));
    send_now();
    assert_int_equal(told_of(f), HEALTH_DOWN); /* its own view, and not what it goes by */
    say(FIRST, LIFE, f, HEALTH_DOWN);
    assert_true(f->verdict == FACTS_OWN && !f->is_up && !f->is_overruled);
    assert_int_equal(f->record.state, SERVER_DOWN);
    assert_true(says("server_overruled_ended", "\"to\":\"down\""));
}

/* What many verdicts take is spread over turns. */
static void test_many_verdicts_in_parts(void **state)
{
    enum { MANY = 3 * VIEWS_VERDICTS_N };
    static struct views_message_out out;
    struct server_facts *f = NULL;
    unsigned parts_n = 0;

    (void)state;
    add_many(MANY);
    for (unsigned who = 0; who < 2; who++) {
        views_message_begin(&out, LIFE, false);
        while ((f = facts_next(&m->facts, f)) != NULL) {
            f->is_agreed_on = true;
            views_message_add(&out, &(struct views_message_item){f->id, 5, HEALTH_DOWN});
        }
        views_on_shared(m, who == 0 ? FIRST : SECOND, views_message_bytes(&out));
    }
    for (; overruled_n() < MANY; parts_n++) {
        assert_int_equal(overruled_n(), (parts_n + 1) * VIEWS_VERDICTS_N);
        fire(&m->views->look);
    }
    assert_true(parts_n >= 2);
    assert_true(usable_is_fail_open(m, pool_default(m->pool)));
    assert_true(facts_find_pool(&m->facts, 0)->is_fail_open);
}

static void test_without_agree_nobody_is_followed(void **state)
{
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(""));
    const uint64_t seq = m->publish.seq;
    say(FIRST, LIFE, f, HEALTH_UP);
    say(SECOND, LIFE, f, HEALTH_UP);
    assert_true(f->verdict == FACTS_OWN && !f->is_up);
    assert_int_equal(m->publish.seq, seq);
    assert_int_equal(f->views.n, 2);
}

/* One that sees it up itself, too. */
static void test_most_see_it_down(void **state)
{
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    turn(f, true);
    assert_true(f->is_up);
    say(FIRST, LIFE, f, HEALTH_DOWN);
    say(SECOND, LIFE, f, HEALTH_DOWN);
    assert_true(f->verdict == FACTS_AGREED_DOWN && !f->is_up);
    assert_int_equal(f->record.state, SERVER_DOWN);
    assert_true(says("server_state", "2 of 3 nodes see it down; here its checks pass"));
}

/* The own checks change their mind between two views of the others: the state stays. */
static void test_no_state_in_between(void **state)
{
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    turn(f, true);
    say(FIRST, LIFE, f, HEALTH_UP);
    say(SECOND, LIFE, f, HEALTH_UP);
    const uint64_t transitions = f->record.transitions;
    turn(f, false);
    assert_true(f->is_up && f->is_overruled);
    assert_int_equal(f->record.transitions, transitions);
}

/* One that no check here has judged goes by the others, and no worker tries it first. */
static void test_before_the_first_check(void **state)
{
    struct server_facts *f;

    (void)state;
    f = add(CHECKED(",\"initial\":\"down\"" MAJORITY));
    assert_true(f->is_untried && facts_is_waiting(f));
    say(FIRST, LIFE, f, HEALTH_UP);
    say(SECOND, LIFE, f, HEALTH_UP);
    assert_true(f->verdict == FACTS_AGREED_UP && f->is_up && !facts_is_waiting(f));
    assert_int_equal(f->record.state, SERVER_ACTIVE);
    assert_false(f->is_overruled); /* there is no own view */
    assert_false(says("server_overruled", ""));
    say(FIRST, LIFE, f, HEALTH_DOWN);
    say(SECOND, LIFE, f, HEALTH_DOWN);
    assert_true(facts_is_waiting(f));
    assert_int_equal(f->record.state, SERVER_INITIAL);
}

static void test_who_is_silent_is_forgotten(void **state)
{
    struct views_shown shown[VIEWS_SHOWN_MAX];
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    say(FIRST, LIFE, f, HEALTH_UP);
    say(SECOND, LIFE, f, HEALTH_UP);
    assert_int_equal(views_show(m, f, shown), 3);
    forget(0);
    assert_int_equal(views_show(m, f, shown), 2);
    assert_true(f->verdict == FACTS_OWN && !f->is_up);
    assert_int_equal(f->record.state, SERVER_DOWN);
    forget(1);
    assert_int_equal(views_show(m, f, shown), 1);
    assert_true(shown[0].is_self);
    assert_string_equal(shown[0].state, "down");
}

/* What it has said in a life before counts no more. */
static void test_who_was_started_again(void **state)
{
    struct server_facts *f, *other;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    other = add("{\"url\":\"http://127.0.0.1:2\",\"check\":{\"type\":\"none\"}}");
    say(FIRST, LIFE, f, HEALTH_UP);
    say(SECOND, LIFE, f, HEALTH_UP);
    assert_true(f->is_up);
    say(FIRST, LIFE + 1, other, HEALTH_UP);
    while (timer_is_set(&m->views->look))
        fire(&m->views->look);
    assert_false(f->is_up);
    say(FIRST, LIFE + 1, f, HEALTH_UP);
    assert_true(f->is_up);
}

static void test_in_order_of_their_ids(void **state)
{
    struct views_shown shown[VIEWS_SHOWN_MAX];
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(""));
    say(SECOND, LIFE, f, HEALTH_UP);
    say(FIRST, LIFE, f, HEALTH_UNKNOWN);
    assert_int_equal(views_show(m, f, shown), 3);
    assert_true(shown[0].is_self && !shown[1].is_self && !shown[2].is_self);
    assert_true(shown[1].node == FIRST && shown[2].node == SECOND);
    assert_string_equal(shown[1].state, "unknown");
    assert_string_equal(shown[2].state, "active");
    assert_int_equal(shown[2].since_us, 1795446494123000);
}

/* Broken bytes, a server that is not here, no memory: nothing follows, and it comes again. */
static void test_what_can_not_be_taken(void **state)
{
    const struct server_facts nobody = {.id = 12345678};
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    views_on_shared(m, FIRST, SPAN("abc"));
    assert_int_equal(health_nodes_fresh_n(&m->views->nodes), 0);
    say(FIRST, LIFE, &nobody, HEALTH_UP);
    fault_set(1);
    say(FIRST, LIFE, f, HEALTH_UP);
    assert_false(fault_is_armed());
    assert_int_equal(f->views.n, 0);
    say(FIRST, LIFE, f, HEALTH_UP);
    assert_int_equal(f->views.n, 1);
}

static void test_a_server_that_leaves(void **state)
{
    struct pool_command c;
    struct server_facts *f;

    (void)state;
    f = add_judged(CHECKED(MAJORITY));
    say(FIRST, LIFE, f, HEALTH_UP);
    const uint64_t id = f->id;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    assert_int_equal(span_to_str(SPAN("default"), c.pool, sizeof(c.pool)), 0);
    assert_int_equal(fixture_change(m, &c, NULL), 0);
    send_now();
    for (unsigned i = 0; i < told.n; i++) {
        struct views_message message;

        assert_int_equal(items_of(i, &message), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alone_nothing_is_told, setup, teardown),
        TEST(test_what_is_seen_is_told),
        TEST(test_what_no_check_has_judged),
        TEST(test_many_in_parts),
        TEST(test_who_asks_is_told_all),
        TEST(test_more_changes_than_there_is_room_for),
        TEST(test_most_are_followed),
        TEST(test_many_verdicts_in_parts),
        TEST(test_without_agree_nobody_is_followed),
        TEST(test_most_see_it_down),
        TEST(test_no_state_in_between),
        TEST(test_before_the_first_check),
        TEST(test_who_is_silent_is_forgotten),
        TEST(test_who_was_started_again),
        TEST(test_in_order_of_their_ids),
        TEST(test_what_can_not_be_taken),
        TEST(test_a_server_that_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
