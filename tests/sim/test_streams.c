/* Clients with a hundred streams on one connection, one of them stalled, over a whole worker
 * to servers that speak HTTP/1. */
#include "../unit/base/cm.h"
#include "toy_client.h"
#include "worker/client.h"
#include "worker/ends.h"
#include "worker/exchange.h"
#include "worker/origin.h"
#include "worker/origin_conn.h"

enum { MANY = 100, STALLED = 7, BODY_BYTES = 60000, BIG_BYTES = 3000000, MIB = 1024 * 1024 };

static unsigned whole_n(const struct toy_client *t, size_t bytes)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->n; i++)
        n += toy_is_whole(&t->asks[i], bytes);
    return n;
}

/* The stalled one asks for more than all others. */
static struct toy_client *ask_many(struct world *w, size_t stalled_bytes)
{
    static const char *const kinds[] = {"len", "chunked", "until"};
    struct toy_client *t = toy_client(w);

    for (unsigned i = 0; i < MANY; i++) {
        const bool is_stalled = i == STALLED && stalled_bytes > 0;
        struct toy_ask *a =
            toy_askf(t, 0, "/%s/%zu/%u", kinds[is_stalled ? 0 : i % COUNT(kinds)],
                     is_stalled ? stalled_bytes : (size_t)BODY_BYTES, i);

        CHECK(a->has_begun);
        a->pauses_at_head = is_stalled;
    }
    return t;
}

static void end(struct world *w, struct toy_client *t)
{
    toy_client_free(t);
    world_end(w);
}

/* ---- relay ---- */

static void test_all_are_answered(void **state)
{
    struct world *w = toy_world(NULL, NULL);
    struct toy_client *t = ask_many(w, 0);

    (void)state;
    world_run_ms(w, 1000);
    CHECK(whole_n(t, BODY_BYTES) == MANY);
    CHECK(world_stat(w, STATS_requests) == MANY);
    CHECK(world_stat(w, STATS_client_success) == MANY);
    CHECK(world_stat(w, STATS_client_connections) == 1);
    CHECK(w->worker.streams.slab.in_use == 0 && world_stat(w, STATS_in_flight) == 0);
    CHECK(toy_stream_n(t->codec) == 0);
    CHECK(w->worker.clients_slab.in_use == 1);
    end(w, t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
