#include "../unit/base/cm.h"
#include "toy_many.h"
#include "worker/departing.h"
#include "worker/departures.h"

/* Connections with many streams at an address that leaves this node. */

/* Its address leaves this node: what is under way goes on, what comes then was not begun, and
 * the connection ends behind the last. One without a stream has a while. */
static void test_address_leaves(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *busy = toy_client(w), *idle = toy_client(w);
    struct frame_part part = {
        .address = w->listen, .phase = FRAME_PART_LEAVING, .limit_ms = 9000};
    struct frame_parted said = {.left_n = 0};

    (void)state;
    part.address.port = 0;
    for (unsigned i = 0; i < 10; i++)
        (void)toy_askf(busy, 0, "/late/500/%u", i);
    (void)toy_askf(idle, 0, "/len/%u/7", BODY_BYTES);
    world_run_ms(w, 100);
    CHECK(departing_take(&w->worker, &part) == 0);
    CHECK(departures_next_due(&w->worker, &said) && said.left_n == 2);
    (void)toy_askf(busy, 0, "/late/500/10");
    world_run_ms(w, 300);
    CHECK(busy->asks[10].error == WERR_REFUSED && !busy->base.peer.has_fin);
    CHECK(!idle->base.peer.has_fin);
    world_run_ms(w, 300);
    for (unsigned i = 0; i < 10; i++)
        CHECK(busy->asks[i].status == 200 && busy->asks[i].has_ended);
    CHECK(busy->base.peer.has_fin && !busy->base.peer.has_reset);
    world_run_ms(w, 500);
    CHECK(idle->base.peer.has_fin && !idle->base.peer.has_reset);
    peer_close(&busy->base.peer, false);
    peer_close(&idle->base.peer, false);
    world_run_ms(w, 10);
    CHECK(departures_next_due(&w->worker, &said) && said.left_n == 0);
    toy_client_free(idle);
    toy_end(busy);
}

/* It stays after all: an idle connection carries on. */
static void test_address_stays(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct frame_part part = {
        .address = w->listen, .phase = FRAME_PART_LEAVING, .limit_ms = 9000};

    (void)state;
    part.address.port = 0;
    (void)toy_askf(t, 0, "/len/%u/0", BODY_BYTES);
    world_run_ms(w, 100);
    CHECK(departing_take(&w->worker, &part) == 0);
    world_run_ms(w, 100);
    part.phase = FRAME_PART_STAY;
    CHECK(departing_take(&w->worker, &part) == 0);
    world_run_ms(w, 2000);
    (void)toy_askf(t, 0, "/len/%u/1", BODY_BYTES);
    world_run_ms(w, 100);
    CHECK(toy_whole_n(t) == 2);
    toy_check_idle(t);
    toy_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_leaves),
        cmocka_unit_test(test_address_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
