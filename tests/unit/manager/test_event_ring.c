#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/event_ring.h"

enum { BYTES = 4096, SLOTS = 16, EPOCH = 0xab };

static struct event_ring ring;

static int make(void **state)
{
    (void)state;
    return event_ring_init(&ring, BYTES, SLOTS, EPOCH);
}

static int drop(void **state)
{
    (void)state;
    event_ring_fini(&ring);
    return 0;
}

static void add(unsigned kind, size_t len)
{
    char data[BYTES];

    memset(data, 'x', len);
    event_ring_add(&ring,
                   &(struct event_key){.kind = (uint8_t)kind,
                                       .pool = event_ring_hash(SPAN("blue")),
                                       .server = kind},
                   "word", span_from(data, len));
}

static void test_frames_are_server_sent_events(void **state)
{
    (void)state;
    add(1, 3);
    assert_true(span_is_equal(event_ring_frame(&ring, 1),
                              SPAN("id: 000000ab-1\nevent: word\ndata: xxx\n\n")));
    assert_true(span_is_equal(event_ring_data(&ring, 1), SPAN("xxx")));
    assert_int_equal(event_ring_behind(&ring, 1), event_ring_frame(&ring, 1).len);
    assert_int_equal(event_ring_behind(&ring, 2), 0);
}

/* Whatever their lengths: what is there is whole, in order, and within the ring. */
static void test_old_ones_give_way(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 1; i <= 2000; i++) {
        const size_t len = 1 + (size_t)rand() % 800;

        add(i % 60, len);
        assert_int_equal(ring.next, i + 1);
        assert_true(event_ring_data(&ring, i).len == len);
        assert_true(ring.next - ring.first <= SLOTS);
        size_t sum = 0;
        for (uint64_t n = ring.first; n < ring.next; n++) {
            char id[EVENT_ID_MAX + 8];

            (void)snprintf(id, sizeof(id), "id: 000000ab-%u\n", (unsigned)n);
            assert_true(span_has_prefix(event_ring_frame(&ring, n), span_from_str(id)));
            sum += event_ring_frame(&ring, n).len;
        }
        assert_true(sum <= BYTES);
        assert_true(event_ring_behind(&ring, ring.first) >= sum);
    }
}

static void test_short_ones_are_bound_by_slots(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLOTS + 3; i++)
        add(1, 1);
    assert_int_equal(ring.next - ring.first, SLOTS);
    assert_false(event_ring_has(&ring, 3));
    assert_true(event_ring_has(&ring, 4));
}

static void test_ids(void **state)
{
    uint64_t number = 0;
    char id[EVENT_ID_MAX];

    (void)state;
    add(1, 1);
    event_ring_print_id(&ring, 1, id);
    assert_int_equal(event_ring_read_id(&ring, span_from_str(id), &number), 0);
    assert_int_equal(number, 1);
    assert_int_equal(event_ring_read_id(&ring, SPAN("ab-2"), &number), WERR_NOT_FOUND);
    assert_int_equal(event_ring_read_id(&ring, SPAN("ac-1"), &number), WERR_NOT_FOUND);
    assert_int_equal(event_ring_read_id(&ring, SPAN("1"), &number), WERR_SYNTAX);
    assert_int_equal(event_ring_read_id(&ring, SPAN("ab-"), &number), WERR_SYNTAX);
    assert_int_equal(event_ring_read_id(&ring, SPAN("-1"), &number), WERR_SYNTAX);
}

/* Runs give every frame once, in order, none longer than asked for. */
static void test_runs(void **state)
{
    const struct event_filter all = {0};
    uint64_t number;
    size_t sum = 0, want = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        add(1, 300);
    for (uint64_t n = ring.first; n < ring.next; n++)
        want += event_ring_frame(&ring, n).len;
    number = ring.first;
    for (;;) {
        const struct span run = event_ring_run(&ring, &all, &number, 1000);

        if (run.len == 0)
            break;
        assert_true(span_has_prefix(run, SPAN("id: ")) && run.len <= 1000);
        sum += run.len;
    }
    assert_int_equal(sum, want);
    assert_int_equal(number, ring.next);
}

static void test_filters(void **state)
{
    const struct event_filter two = {.kinds = 1U << 2};
    const struct event_filter blue = {.pool = event_ring_hash(SPAN("blue"))};
    const struct event_filter green = {.pool = event_ring_hash(SPAN("green"))};
    const struct event_filter server = {.server = 3};
    uint64_t number = 1;

    (void)state;
    for (unsigned i = 1; i <= 4; i++)
        add(i, 5);
    assert_ptr_equal(event_ring_run(&ring, &two, &number, 1000).ptr,
                     event_ring_frame(&ring, 2).ptr);
    assert_int_equal(event_ring_run(&ring, &two, &number, 1000).len, 0);
    assert_int_equal(number, 5);
    assert_true(event_filter_passes(&blue, event_ring_key(&ring, 1)));
    assert_false(event_filter_passes(&green, event_ring_key(&ring, 1)));
    assert_true(event_filter_passes(&server, event_ring_key(&ring, 3)));
    assert_false(event_filter_passes(&server, event_ring_key(&ring, 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_are_server_sent_events, make, drop),
        cmocka_unit_test_setup_teardown(test_old_ones_give_way, make, drop),
        cmocka_unit_test_setup_teardown(test_short_ones_are_bound_by_slots, make, drop),
        cmocka_unit_test_setup_teardown(test_ids, make, drop),
        cmocka_unit_test_setup_teardown(test_runs, make, drop),
        cmocka_unit_test_setup_teardown(test_filters, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
