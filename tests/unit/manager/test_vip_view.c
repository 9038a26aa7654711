#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/api_json.h"
#include "manager/metrics.h"
#include "manager/vip_view.h"
#include "pool/pool_code.h"

/* What is told of VIPs, with a provider that the tests speak for. */

static struct manager *m;

struct fake {
    bool is_held;
    unsigned described_n, forgotten_n;
    uint64_t wanted;
    struct vip_move *move;
};

static void describe(void *arg, const struct addr *address, struct vip_view *out)
{
    const struct fake *f = arg;

    assert_int_equal(address->port, 0);
    out->holder = f->is_held ? 0xa1 : 0xb2;
    out->is_self = f->is_held;
    out->since_us = UINT64_C(1700000000000000);
    out->epoch = 7;
    out->has_lease = f->is_held;
    out->lease_ms = 900;
    out->announcements = 3;
    (void)snprintf(out->state, sizeof(out->state), "%s", f->is_held ? "held" : "elsewhere");
}

static void move_it(void *arg, const struct addr *address, uint64_t member,
                    struct vip_move *move)
{
    struct fake *f = arg;

    assert_int_equal(address->family, AF_INET);
    f->wanted = member;
    f->move = move;
}

static void forget(void *arg, struct vip_move *move)
{
    struct fake *f = arg;

    assert_ptr_equal(f->move, move);
    f->move = NULL;
    f->forgotten_n++;
}

static void count(void *arg, struct vip_counts *out)
{
    (void)arg;
    out->conflicts = 2;
    out->cause_n = 2;
    out->causes[0].cause = "lease";
    out->causes[0].moves = 5;
    out->causes[1].cause = "asked";
    out->causes[1].moves = 1;
}

static void described(void *arg)
{
    ((struct fake *)arg)->described_n++;
}

static const struct vip_provider_ops ops = {describe, move_it, forget, count, described};
static struct fake fake;
static const struct vip_provider provider = {&ops, &fake};

static int setup(void **state)
{
    (void)state;
    fake = (struct fake){.is_held = false};
    m = fixture_start(ENGINE_SOLO, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

static const struct vip *add(const char *address)
{
    struct pool_command c;
    struct pool_error error;

    assert_int_equal(pool_code_add_vip_from_json(SPAN("{\"interface\":\"eth0\"}"),
                                                 span_from_str(address), &c, &error),
                     0);
    assert_int_equal(fixture_change(m, &c, NULL), 0);
    pool_command_fini(&c);
    return m->pool->vips[m->pool->vip_n - 1];
}

static char *tell(const struct vip *vip)
{
    struct vip_view v;

    vip_view_of(m, &vip->addr, &v);
    return api_json_vip(
        &(struct api_json_vip_view){.vip = vip, .view = &v, .revision = m->revision}, "/v1");
}

static void assert_says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        print_error("%s is not in %s\n", what, text);
    assert_non_null(strstr(text, what));
}

static void test_nobody_without_a_provider(void **state)
{
    struct vip_counts counts;
    unsigned of = 9;
    char *text;

    (void)state;
    assert_false(vip_view_holds_any(m, &of));
    assert_int_equal(of, 0);
    text = tell(add("192.0.2.10"));
    assert_says(text, "\"state\": \"unassigned\"");
    assert_says(text, "\"why\": \"this Weldr holds no VIPs: it only knows them\"");
    assert_says(text, "\"holder\": null");
    assert_says(text, "\"since\": null");
    assert_says(text, "\"lease_ms\": null");
    free(text);
    assert_false(vip_view_holds_any(m, &of));
    assert_int_equal(of, 1);
    vip_view_count(m, &counts);
    assert_true(counts.conflicts == 0 && counts.cause_n == 0);
}

static void test_what_the_provider_says(void **state)
{
    const struct vip *vip;
    unsigned of;
    char *text;

    (void)state;
    m->vip_provider = &provider;
    vip = add("192.0.2.10");
    assert_int_equal(fake.described_n, 1);
    text = tell(vip);
    assert_says(text, "\"holder\": \"00000000000000b2\"");
    assert_says(text, "\"is_self\": false");
    assert_says(text, "\"lease_ms\": null");
    free(text);
    assert_false(vip_view_holds_any(m, &of));
    fake.is_held = true;
    text = tell(vip);
    assert_says(text, "\"state\": \"held\"");
    assert_says(text, "\"why\": null");
    assert_says(text, "\"holder\": \"00000000000000a1\"");
    assert_says(text, "\"is_self\": true");
    assert_says(text, "\"since\": \"2023-11-14T22:13:20.000Z\"");
    assert_says(text, "\"epoch\": 7");
    assert_says(text, "\"lease_ms\": 900");
    assert_says(text, "\"announcements\": 3");
    assert_says(text, "\"href\": \"/v1/vips/192.0.2.10/move\"");
    free(text);
    assert_true(vip_view_holds_any(m, &of));
}

static int ended_with;
static unsigned ended_n;
static char ended_why[64];

static void on_moved(struct vip_move *move, int error, const char *why)
{
    assert_false(move->is_asked);
    ended_with = error;
    ended_n++;
    (void)snprintf(ended_why, sizeof(ended_why), "%s", why != NULL ? why : "");
}

/* It ends once, or is forgotten. */
static void test_moves(void **state)
{
    struct vip_move move = {.is_asked = false};
    const struct vip *vip;

    (void)state;
    m->vip_provider = &provider;
    vip = add("192.0.2.10");
    ended_n = 0;
    vip_move_forget(m, &move); /* nothing was asked */
    assert_int_equal(fake.forgotten_n, 0);
    vip_move_start(m, &vip->addr, 0xb2, &move, on_moved);
    assert_true(move.is_asked && fake.wanted == 0xb2);
    vip_move_end(fake.move, WERR_GUARD, "it drains");
    assert_true(ended_n == 1 && ended_with == WERR_GUARD);
    assert_string_equal(ended_why, "it drains");
    vip_move_start(m, &vip->addr, 0, &move, on_moved);
    vip_move_forget(m, &move);
    assert_int_equal(fake.forgotten_n, 1);
    vip_move_forget(m, &move);
    assert_true(fake.forgotten_n == 1 && ended_n == 1);
}

static void test_metrics(void **state)
{
    struct metrics_cursor at;
    bool is_last;
    char *text;

    (void)state;
    (void)add("192.0.2.10");
    (void)add("2001:db8::10");
    m->vip_provider = &provider;
    fake.is_held = true;
    metrics_begin(m, false, &at);
    text = metrics_page(m, &at, 1 << 30, &is_last);
    assert_true(is_last);
    assert_says(text, "\nweldr_vip_held{vip=\"192.0.2.10\"} 1\n");
    assert_says(text, "\nweldr_vip_held{vip=\"2001:db8::10\"} 1\n");
    assert_says(text, "\nweldr_vip_moves_total{cause=\"lease\"} 5\n");
    assert_says(text, "\nweldr_vip_moves_total{cause=\"asked\"} 1\n");
    assert_says(text, "\nweldr_vip_conflicts_total 2\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody_without_a_provider, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_provider_says, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
