#include "../base/cm.h"
#include "../base/forked.h"
#include "net/conn.h"
#include "worker/stream.h"

/* A connection that was never opened: what is sent on it is ignored, as conn.h says. */
struct one {
    struct conn conn;
    struct stream stream;
};

struct hearer {
    struct stream_user user; /* first */
    unsigned events_n, congested_n, drained_n;
    enum stream_state in; /* when it last heard something */
    const struct stream *stream;
    struct stream *splices_to;
};

static struct hearer *hearer_of(struct stream_user *u)
{
    return (struct hearer *)u;
}

static void on_event(struct stream_user *u, struct event *ev)
{
    (void)ev;
    hearer_of(u)->events_n++;
    hearer_of(u)->in = hearer_of(u)->stream->in;
}

static struct stream *splices_to(struct stream_user *u)
{
    return hearer_of(u)->splices_to;
}

static void on_congested(struct stream_user *u)
{
    hearer_of(u)->congested_n++;
}

static void on_drained(struct stream_user *u)
{
    hearer_of(u)->drained_n++;
}

static const struct stream_up up = {
    .event = on_event,
    .splices_to = splices_to,
    .congested = on_congested,
    .drained = on_drained,
};

static void begin(struct one *o, struct hearer *h)
{
    *o = (struct one){0};
    *h = (struct hearer){.user = {.up = &up}, .stream = &o->stream};
    stream_init(&o->stream, STREAM_ONE);
    stream_take(&o->stream, &h->user);
}

static void hear(struct one *o, enum event_type type, bool is_whole)
{
    struct event ev = {.type = type, .is_whole = is_whole};

    stream_hear(&o->stream, &ev);
}

static void test_what_is_heard_moves_in(void **state)
{
    static const struct {
        enum event_type type;
        bool is_whole;
        enum stream_state then;
    } rows[] = {
        {EVENT_INFO, false, STREAM_HEAD},     {EVENT_INFO, false, STREAM_HEAD},
        {EVENT_HEAD, false, STREAM_BODY},     {EVENT_BODY, false, STREAM_BODY},
        {EVENT_TRAILERS, false, STREAM_BODY}, {EVENT_END, false, STREAM_END},
    };
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        hear(&o, rows[i].type, rows[i].is_whole);
        assert_int_equal(h.in, rows[i].then); /* moved before its user hears of it */
        assert_int_equal(h.events_n, i + 1);
        assert_int_equal(stream_is_read(&o.stream), rows[i].then == STREAM_END);
    }
}

static void test_a_whole_head_is_the_end(void **state)
{
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    hear(&o, EVENT_HEAD, true);
    assert_true(stream_is_read(&o.stream) && h.in == STREAM_END);
    assert_false(stream_is_begun(&o.stream));
}

static void test_what_is_said_moves_out(void **state)
{
    struct msg info = {.status = 103}, head = {.status = 200};
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    stream_send_head(&o.stream, &info);
    assert_int_equal(o.stream.out, STREAM_HEAD);
    assert_false(stream_is_begun(&o.stream));
    stream_send_head(&o.stream, &head);
    assert_true(stream_is_begun(&o.stream) && !stream_is_said(&o.stream));
    stream_send_end(&o.stream, NULL);
    assert_true(stream_is_said(&o.stream) && stream_is_ended(&o.stream));
    assert_int_equal(o.stream.in, STREAM_IDLE);
}

/* The bytes of a tunnel begin behind the client's request. */
static void test_a_tunnel_follows_the_message(void **state)
{
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    hear(&o, EVENT_HEAD, true);
    stream_send_head(&o.stream, &(struct msg){.status = 101});
    assert_int_equal(o.stream.out, STREAM_BODY);
    stream_tunnel(&o.stream);
    assert_true(stream_is_read(&o.stream));
    hear(&o, EVENT_BODY, false);
    assert_int_equal(h.in, STREAM_TUNNEL);
    hear(&o, EVENT_END, false);
    assert_int_equal(h.in, STREAM_SHUT);
    stream_shut(&o.stream);
    assert_true(stream_is_ended(&o.stream));
}

static void test_congestion_outlives_its_user(void **state)
{
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    stream_hear_congested(&o.stream);
    assert_true(stream_is_congested(&o.stream) && h.congested_n == 1);
    stream_leave(&o.stream);
    stream_take(&o.stream, &h.user);
    assert_true(stream_is_congested(&o.stream));
    assert_true(stream_hear_drained(&o.stream) && h.drained_n == 1);
    stream_leave(&o.stream);
    stream_hear_congested(&o.stream);
    assert_false(stream_hear_drained(&o.stream));
    assert_int_equal(h.congested_n + h.drained_n, 2);
}

static void test_a_body_may_go_past(void **state)
{
    struct one o, to;
    struct hearer h, other;

    (void)state;
    begin(&o, &h);
    begin(&to, &other);
    assert_null(stream_splice_target(&o.stream));
    h.splices_to = &to.stream;
    assert_ptr_equal(stream_splice_target(&o.stream), &to.conn);
    stream_leave(&o.stream);
    assert_null(stream_splice_target(&o.stream));
}

static void end_twice(void *arg)
{
    stream_send_end(arg, NULL);
    stream_send_end(arg, NULL);
}

static void hear_after_end(void *arg)
{
    struct event ev = {.type = EVENT_END};

    stream_hear(arg, &ev);
    stream_hear(arg, &(struct event){.type = EVENT_HEAD});
}

static void take_twice(void *arg)
{
    stream_take(arg, ((struct stream *)arg)->user);
}

static void test_illegal_moves_are_bugs(void **state)
{
    struct one o;
    struct hearer h;

    (void)state;
    begin(&o, &h);
    assert_true(forked_fails_must(end_twice, &o.stream, "stream"));
    assert_true(forked_fails_must(hear_after_end, &o.stream, "stream"));
    assert_true(forked_fails_must(take_twice, &o.stream, "user"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_heard_moves_in),
        cmocka_unit_test(test_a_whole_head_is_the_end),
        cmocka_unit_test(test_what_is_said_moves_out),
        cmocka_unit_test(test_a_tunnel_follows_the_message),
        cmocka_unit_test(test_congestion_outlives_its_user),
        cmocka_unit_test(test_a_body_may_go_past),
        cmocka_unit_test(test_illegal_moves_are_bugs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
