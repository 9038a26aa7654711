#include "../unit/base/cm.h"
#include "got.h"
#include "worker/departing.h"
#include "worker/departures.h"

/* What clients of an address that leaves this node see, and what the manager hears of them. Of
 * two addresses, AWAY leaves and HERE stays. */

enum { AWAY = 9, HERE = 8, LIMIT_MS = 4800, NOTHING = 99999 };

#define UPGRADE \
    "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

static unsigned due_n; /* how often the worker had something to say */

static void on_due(void *arg)
{
    (void)arg;
    due_n++;
}

static struct world *open_world(void)
{
    struct world *w = world_open(NULL);

    w->worker.departures.on_due = on_due;
    due_n = 0;
    CHECK(w->listen.ip[3] == AWAY);
    w->listen.ip[3] = HERE;
    CHECK(world_listen(w, 0, 1, w->listen.port) == 0);
    return w;
}

static void turn_to(struct world *w, uint8_t which)
{
    w->listen.ip[3] = which;
}

static struct world_client *ask_at(struct world *w, uint8_t which, const char *text)
{
    turn_to(w, which);
    return world_ask(w, text);
}

static int tell(struct world *w, uint8_t which, enum frame_part_phase phase, uint32_t number)
{
    const struct frame_part part = {
        .address = {.family = AF_INET, .ip = {10, 9, 9, which}},
        .number = number,
        .phase = phase,
        .limit_ms = LIMIT_MS,
    };

    return departing_take(&w->worker, &part);
}

/* What the manager hears next of this word; NOTHING: it hears nothing. */
static uint32_t hear(struct world *w, uint32_t number)
{
    struct frame_parted said;

    if (!departures_next_due(&w->worker, &said))
        return NOTHING;
    CHECK(said.address.family == AF_INET && said.address.port == 0);
    CHECK(said.address.ip[3] == AWAY && said.number == number && due_n > 0);
    return said.left_n;
}

static bool is_told(const struct world_client *c)
{
    return strstr(world_got(c), "\r\nConnection: close\r\n") != NULL;
}

static unsigned count_gone(struct world_client *const *c, unsigned n)
{
    unsigned gone = 0;

    for (unsigned i = 0; i < n; i++)
        gone += c[i]->peer.has_fin;
    return gone;
}

/* Idle ones are sent away in the second half of a second, and not all at once: a request may be
 * on its way. Who asks meanwhile is served and told. Those of another address hear nothing. */
static void test_idle(void **state)
{
    enum { CLIENTS = 40 };
    struct world *w = open_world();
    struct world_client *c[CLIENTS], *other = ask_at(w, HERE, GET("/len/1/1"));

    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++)
        c[i] = ask_at(w, AWAY, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 7) == 0);
    CHECK(hear(w, 7) == CLIENTS && hear(w, 7) == NOTHING);
    world_run_ms(w, 490);
    CHECK(count_gone(c, CLIENTS) == 0);
    world_run_ms(w, 160);
    const unsigned gone = count_gone(c, CLIENTS);
    CHECK(gone > 2 && gone < CLIENTS - 10);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (!c[i]->peer.has_fin)
            world_say(c[i], GET("/len/1/2"));
    world_run_ms(w, 20);
    unsigned told = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(c[i]->peer.has_fin && !c[i]->peer.has_reset);
        told += status_of(c[i], 1) == 200 && is_told(c[i]);
    }
    CHECK(gone + told == CLIENTS);
    CHECK(hear(w, 7) == NOTHING); /* they are waited for until they have ended, too */
    for (unsigned i = 0; i < CLIENTS; i++)
        peer_close(&c[i]->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 7) == 0);
    world_say(other, GET("/len/1/2"));
    world_run_ms(w, 2000);
    CHECK(status_of(other, 1) == 200 && !is_told(other) && !other->peer.has_fin);
    world_end(w);
}

/* What is under way is not cut, and its response says that it is the last. */
static void test_busy(void **state)
{
    struct world *w = open_world();
    struct world_client *c = ask_at(w, AWAY, GET("/late/3000/1"));

    (void)state;
    world_run_ms(w, 10);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0);
    CHECK(hear(w, 1) == 1);
    world_run_ms(w, 2900);
    CHECK(status_of(c, 0) == 0 && !c->peer.has_fin);
    world_run_ms(w, 120);
    CHECK(status_of(c, 0) == 200 && is_told(c) && c->peer.has_fin);
    peer_close(&c->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 1) == 0);
    world_end(w);
}

/* Who comes gets one response, or a second to ask. He is waited for only in SHUT. */
static void test_newcomers(void **state)
{
    struct world *w = open_world();
    struct world_client *c, *mute;

    (void)state;
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0);
    CHECK(hear(w, 1) == 0);
    c = ask_at(w, AWAY, GET("/late/300/1"));
    mute = world_client(w);
    world_run_ms(w, 10);
    CHECK(hear(w, 1) == NOTHING);
    CHECK(tell(w, AWAY, FRAME_PART_SHUT, 2) == 0);
    CHECK(hear(w, 2) == 2);
    world_run_ms(w, 400);
    CHECK(status_of(c, 0) == 200 && is_told(c) && c->peer.has_fin && !mute->peer.has_fin);
    peer_close(&c->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 2) == NOTHING);
    world_run_ms(w, 700);
    CHECK(mute->peer.has_fin);
    peer_close(&mute->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 2) == 0);
    world_end(w);
}

/* A worker that hears of it late, as it was started meanwhile, begins with SHUT. */
static void test_shut_at_once(void **state)
{
    struct world *w = open_world();
    struct world_client *c = ask_at(w, AWAY, GET("/late/100/1"));

    (void)state;
    world_run_ms(w, 10);
    CHECK(tell(w, AWAY, FRAME_PART_SHUT, 5) == 0);
    CHECK(hear(w, 5) == 1);
    world_run_ms(w, 100);
    CHECK(status_of(c, 0) == 200 && is_told(c));
    peer_close(&c->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 5) == 0);
    world_end(w);
}

/* It stays after all: who was not told goes on as if nothing had been, whatever he was about.
 */
static void test_stay(void **state)
{
    struct world *w = open_world();
    struct world_client *idle = ask_at(w, AWAY, GET("/len/1/1"));
    struct world_client *mute = ask_at(w, AWAY, "");
    struct world_client *begun = ask_at(w, AWAY, "GET /len/1/3 HTTP/1.1\r\nHo");

    (void)state;
    world_run_ms(w, 10);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0 && hear(w, 1) == 3);
    world_run_ms(w, 100);
    CHECK(tell(w, AWAY, FRAME_PART_STAY, 2) == 0 && hear(w, 2) == NOTHING);
    CHECK(w->worker.departures.n == 0);
    CHECK(tell(w, AWAY, FRAME_PART_STAY, 3) == 0); /* nothing leaves */
    world_run_ms(w, 2000);
    world_say(idle, GET("/len/1/2"));
    world_say(mute, GET("/len/1/2"));
    world_say(begun, "st: h\r\n\r\n");
    world_run_ms(w, 100);
    CHECK(status_of(idle, 1) == 200 && !is_told(idle) && !idle->peer.has_fin);
    CHECK(status_of(mute, 0) == 200 && !is_told(mute) && !mute->peer.has_fin);
    CHECK(status_of(begun, 0) == 200 && !is_told(begun) && !begun->peer.has_fin);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 4) == 0 && hear(w, 4) == 3); /* and again */
    world_end(w);
}

/* All is told anew: what is not told of stays; what is told of again goes on. */
static void test_told_anew(void **state)
{
    struct world *w = open_world();
    struct world_client *away = ask_at(w, AWAY, GET("/len/1/1"));
    struct world_client *here = ask_at(w, HERE, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 10);
    CHECK(tell(w, HERE, FRAME_PART_LEAVING, 1) == 0 &&
          tell(w, AWAY, FRAME_PART_LEAVING, 2) == 0);
    departing_forget_told(&w->worker);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 2) == 0);
    departing_stay_untold(&w->worker);
    CHECK(w->worker.departures.n == 1);
    CHECK(hear(w, 2) == 1 && hear(w, 2) == NOTHING);
    world_run_ms(w, 1100);
    CHECK(away->peer.has_fin && !here->peer.has_fin);
    world_end(w);
}

/* Nobody can tell its client anything: it stays, and is waited for. */
static void test_tunnel(void **state)
{
    struct world *w = open_world();
    struct world_client *c = ask_at(w, AWAY, UPGRADE "early");

    (void)state;
    world_run_ms(w, 10);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0 && hear(w, 1) == 1);
    world_run_ms(w, LIMIT_MS);
    CHECK(tell(w, AWAY, FRAME_PART_SHUT, 2) == 0 && hear(w, 2) == 1);
    world_say(c, "more");
    world_run_ms(w, 200);
    CHECK(strstr(world_got(c), "earlymore") && !c->peer.has_fin);
    CHECK(tell(w, AWAY, FRAME_PART_STAY, 3) == 0);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 10);
    CHECK(hear(w, 0) == NOTHING);
    world_end(w);
}

/* The worker drains meanwhile, or before: all are told, and go as they do then. */
static void drain_and_leave(bool drains_first)
{
    struct world *w = open_world();
    struct world_client *c = ask_at(w, AWAY, GET("/len/1/1"));
    struct world_client *other = ask_at(w, HERE, GET("/len/1/1"));

    world_run_ms(w, 10);
    if (drains_first)
        world_drain(w, 30000);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0 && hear(w, 1) == 1);
    world_drain(w, 30000);
    world_run_ms(w, 1100);
    CHECK(c->peer.has_fin && other->peer.has_fin);
    peer_close(&c->peer, false);
    peer_close(&other->peer, false);
    world_run_ms(w, 5);
    CHECK(hear(w, 1) == 0 && w->is_drained);
    world_end(w);
}

static void test_drain(void **state)
{
    (void)state;
    drain_and_leave(false);
    drain_and_leave(true);
}

/* As many as there may be, each with its clients; one more is too many. */
static void test_many_addresses(void **state)
{
    struct world *w = open_world();
    struct world_client *c = ask_at(w, AWAY, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 10);
    for (uint8_t i = 0; i < DEPARTURES_MAX - 1; i++)
        CHECK(tell(w, (uint8_t)(100 + i), FRAME_PART_LEAVING, 1) == 0);
    CHECK(tell(w, AWAY, FRAME_PART_LEAVING, 1) == 0);
    CHECK(tell(w, 200, FRAME_PART_LEAVING, 1) == WERR_NO_SPACE);
    struct frame_parted said;
    unsigned n = 0, left = 0;
    for (; departures_next_due(&w->worker, &said); n++)
        left += said.left_n;
    CHECK(n == DEPARTURES_MAX && left == 1);
    CHECK(tell(w, 120, FRAME_PART_STAY, 2) == 0);
    CHECK(tell(w, 200, FRAME_PART_LEAVING, 3) == 0);
    turn_to(w, AWAY);
    world_say(c, GET("/len/1/2"));
    world_run_ms(w, 10);
    CHECK(status_of(c, 1) == 200 && is_told(c));
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),           cmocka_unit_test(test_busy),
        cmocka_unit_test(test_newcomers),      cmocka_unit_test(test_shut_at_once),
        cmocka_unit_test(test_stay),           cmocka_unit_test(test_told_anew),
        cmocka_unit_test(test_tunnel),         cmocka_unit_test(test_drain),
        cmocka_unit_test(test_many_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
