#include <stdio.h>

#include "../unit/base/cm.h"
#include "got.h"
#include "worker/ends.h"

/* What further attempts cost: heads that are rewritten for each, bodies that are kept. */

enum { MIB = 1024 * 1024, FIELD_BYTES = 60000, BODY_BYTES = 3000 };

/* ---- heads ---- */

static void say_long(struct world_client *c, const char *name)
{
    struct text say = {0};

    text_addf(&say, "GET /reset0/0/7 HTTP/1.1\r\nHost: h\r\n%s: ", name);
    for (unsigned i = 0; i < FIELD_BYTES / 10; i++)
        text_addf(&say, "10.11.12.%u", i % 10);
    text_addf(&say, "\r\n\r\n");
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
}

static unsigned requests_n(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WORLD_ORIGINS; i++)
        n += w->origins[i].requests_n;
    return n;
}

static void run_long_head(const char *name)
{
    struct world_setup setup = {.seed = 1, .server_n = 3};
    struct world *w = world_open(&setup);
    struct world_client *c;

    print_message("%s\n", name);
    world_set(w, "retry.attempts", 10);
    world_set(w, "eject.errors", 0);
    world_set(w, "limits.head_bytes", 65536);
    c = world_client(w);
    say_long(c, name);
    world_run_ms(w, 100);
    CHECK(has_error(c, "origin_reset"));
    CHECK(requests_n(w) == 10);
    world_end(w);
}

static void test_long_heads_are_sent_again(void **state)
{
    (void)state;
    run_long_head("Via");
    run_long_head("X-Forwarded-For");
    run_long_head("X-Other");
}

/* ---- bodies ---- */

static struct world *open_small(void)
{
    struct world_setup setup = {.seed = 1, .server_n = 1};
    struct world *w = world_open(&setup);

    world_set(w, "limits.queue_bytes", MIB);
    return w;
}

/* An upload that its server has got, and thinks about; it might have to be sent again. */
static struct world_client *upload(struct world *w, const char *kind)
{
    struct world_client *c = world_client(w);
    struct text say = {0};

    text_addf(&say, "PUT /%s/7 HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n", kind,
              BODY_BYTES);
    fake_body(&say, 7, BODY_BYTES);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 2);
    return c;
}

static uint64_t queued(const struct world *w)
{
    return world_stat(w, STATS_queued_bytes);
}

/* Requests that come now find a lane, and are handed on as they are read. */
static void open_lanes(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        world_ask(w, GET("/late/100/1"));
    world_run_ms(w, 500);
    CHECK(world_stat(w, STATS_server_idle) == n);
}

/* More of them than the budget can hold: whoever comes is served, and so are they. */
static void test_kept_bodies_give_way(void **state)
{
    enum { UPLOADS = 400 };
    struct world *w = open_small();
    struct world_client *c[UPLOADS], *late;

    (void)state;
    open_lanes(w, UPLOADS);
    for (unsigned i = 0; i < UPLOADS; i++) {
        c[i] = upload(w, "late/2000");
        CHECK(queued(w) <= MIB);
    }
    CHECK(queued(w) > MIB - MIB / 8);
    CHECK(world_stat(w, STATS_in_flight) == UPLOADS);
    late = world_ask(w, GET("/len/10/7"));
    world_run_ms(w, 10);
    CHECK(status_of(late, 0) == 200);
    world_run_ms(w, 4000);
    for (unsigned i = 0; i < UPLOADS; i++)
        CHECK(status_of(c[i], 0) == 200);
    CHECK(w->stats->end[END_QUEUES_FULL] == 0 && queued(w) == 0);
    world_end(w);
}

/* The oldest goes first: who came last is sent again as ever. */
static void test_the_oldest_gives_way(void **state)
{
    enum { UPLOADS = 300 };
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c[UPLOADS];
    unsigned lost = 0;

    (void)state;
    world_set(w, "limits.queue_bytes", MIB);
    world_set(w, "retry.budget_percent", 100);
    for (unsigned i = 0; i < UPLOADS; i++)
        c[i] = upload(w, "late/2000");
    fake_origin_close(&w->origins[0]);
    world_run_ms(w, 5000);
    for (unsigned i = 0; i < UPLOADS; i++) {
        bool is_lost = has_error(c[i], "origin_reset");

        CHECK(is_lost != (status_of(c[i], 0) == 200));
        CHECK(!is_lost || i < UPLOADS - MIB / 4096 + 2);
        lost += is_lost;
    }
    CHECK(lost > 0 && world_stat(w, STATS_retries) == UPLOADS / 2 - lost);
    world_end(w);
}

/* Nothing is heard of the second server yet: who waits for it keeps its body, whatever comes.
 */
static void test_who_sends_again_keeps_its_body(void **state)
{
    enum { FAR_US = 500000000, SETTLE_MS = 600000, MAX_N = 400 };
    struct world_setup setup = {
        .seed = 1, .server_n = 2, .timeouts = {.connect_ms = SETTLE_MS}};
    struct world *w = world_open(&setup);
    struct world_client *c, *late;

    (void)state;
    world_set(w, "limits.queue_bytes", MIB);
    c = upload(w, "late/100");
    CHECK(w->origins[0].requests_n == 1);
    fake_origin_close(&w->origins[0]);
    loop_sim_set_faults(w->loop, &(struct loop_sim_faults){.max_delay_us = FAR_US});
    world_run_ms(w, 1);
    loop_sim_set_faults(w->loop, NULL);
    CHECK(world_stat(w, STATS_retries) == 1);
    MUST(world_set_up(w, 0, false) == 0);
    for (unsigned i = 0; i < MAX_N; i++)
        upload(w, "late/100000");
    late = world_ask(w, GET("/len/10/7"));
    world_run_ms(w, 10);
    CHECK(status_of(late, 0) == 200 && w->stats->end[END_QUEUES_FULL] == 0);
    world_run_ms(w, SETTLE_MS);
    CHECK(status_of(c, 0) == 200);
    world_end(w);
}

static bool is_refused(const struct world *w, const struct world_client *c)
{
    if (!world_is_clear(ONLY_IN_CLEAR_told_why_refused))
        return c->peer.has_fin && c->peer.in.len == 0;
    return w->stats->end[END_QUEUES_FULL] == 1;
}

/* What clients do not take is no such thing: when all kept bodies have gone and the budget is
 * still used up, newcomers are refused. */
static void test_full_all_the_same(void **state)
{
    enum { MAX_N = 400 };
    struct world *w = open_small();
    struct world_client *kept = upload(w, "stall/0"), *late = NULL;

    (void)state;
    for (unsigned n = 0; n < MAX_N && queued(w) < MIB; n++) {
        struct world_client *c = world_client(w);

        world_run_ms(w, 1);
        peer_listen(&c->peer, false);
        world_say(c, GET("/len/300000/7"));
        world_run_ms(w, 20);
    }
    /* One of them has given way. */
    for (unsigned n = 0; n < MAX_N && (late == NULL || !is_refused(w, late)); n++) {
        late = world_client(w);
        world_run_ms(w, 1);
        peer_listen(&late->peer, false);
        world_say(late, GET("/len/300000/7"));
        world_run_ms(w, 20);
    }
    CHECK(is_refused(w, late) && queued(w) >= MIB);
    CHECK(kept->peer.in.len == 0 && !kept->peer.has_fin);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_heads_are_sent_again),
        cmocka_unit_test(test_kept_bodies_give_way),
        cmocka_unit_test(test_the_oldest_gives_way),
        cmocka_unit_test(test_who_sends_again_keeps_its_body),
        cmocka_unit_test(test_full_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
