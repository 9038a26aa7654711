#include "world.h"

#include <stdlib.h>

#include "../unit/base/cm.h"
#include "base/fault.h"
#include "log/log.h"
#include "pool/pool_apply.h"
#include "worker/acceptor.h"
#include "worker/client.h"
#include "worker/exchange.h"
#include "worker/origin.h"
#include "worker/origin_conn.h"
#include "worker/origin_table.h"

/* ---- begin ---- */

const struct world_over_tls *world_over_tls;

/* What a worker is told by its manager it hears in a callback, behind which conns send. */
static void on_nudge(struct loop_work *work)
{
    (void)work;
}

static struct addr addr_of_origin(unsigned n)
{
    return (struct addr){.family = AF_INET,
                         .port = world_over_tls == NULL ? 80 : 443,
                         .ip = {10, 0, 0, (uint8_t)(n + 1)}};
}

struct world *world_new(const struct world_setup *setup)
{
    struct world *w = calloc(1, sizeof(*w));

    MUST(w);
    world_watch_failures(setup->seed);
    log_set_level(LOG_ERROR);
    w->setup = *setup;
    w->seed = setup->seed;
    rand_seed(&w->rand, setup->seed);
    w->loop = loop_sim_new(setup->seed, &setup->faults);
    w->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*w->stats));
    w->pool = pool_state_new();
    MUST(w->loop && w->stats && w->pool);
    memset(w->stats, 0, sizeof(*w->stats));
    w->listen = (struct addr){.family = AF_INET, .port = 8080, .ip = {10, 9, 9, 9}};
    LIST_INIT(&w->clients);
    w->nudge.run = on_nudge;
    if (world_over_tls != NULL)
        world_over_tls->describe(w);
    for (unsigned n = 0; n < WORLD_ORIGINS; n++) {
        struct addr at = addr_of_origin(n);

        fake_origin_open(&w->origins[n], w->loop, &at);
        w->origins[n].has_header = setup->tells_client;
    }
    MUST(world_set_timeouts(w, &setup->timeouts) == 0);
    for (unsigned n = 0; n < setup->server_n; n++)
        MUST(world_add_server(w, n, setup->weight[n] ? setup->weight[n] : 1) == 0);
    return w;
}

static void on_closed(struct sock *s)
{
    (void)s;
}

/* One that the worker did not take. */
static void close_listener(struct world *w, int handle)
{
    static const struct sock_ops ops = {.on_closed = on_closed};
    static struct sock listener;

    sock_accept_start(w->loop, &listener, &ops, handle);
    sock_close(&listener, false);
}

int world_start(struct world *w)
{
    int handle;
    int rc = worker_init(&w->worker, w->loop, w->stats, 0, w->seed);

    if (rc < 0)
        return rc;
    w->has_worker = true;
    if (w->setup.client_kind != NULL)
        rc = codec_shared_put(w->worker.shared.codecs, CODEC_H1, CODEC_SERVER,
                              w->setup.client_kind);
    if (rc == 0 && world_over_tls != NULL)
        rc = world_over_tls->unseal(w);
    for (unsigned n = 0; rc == 0 && n < WORLD_ORIGINS; n++)
        if (w->server_id[n])
            rc = world_set_up(w, n, true);
    if (rc == 0)
        rc = world_snapshot(w);
    if (rc < 0)
        return rc;
    CHECK(w->worker.pool_state->digest == w->pool->digest);
    handle = loop_sim_listen(w->loop, &w->listen);
    MUST(handle >= 0);
    w->worker.proxy_listeners = w->setup.is_behind_proxy;
    rc = worker_listen(&w->worker, &handle, 1);
    if (rc < 0)
        close_listener(w, handle);
    return rc;
}

int world_listen(struct world *w, uint64_t listener_id, uint32_t socket_no, uint16_t port)
{
    struct frame_listen listen = {.listener_id = listener_id, .socket_no = socket_no};
    int handle, rc;

    w->listen.port = port;
    listen.bound = w->listen;
    handle = loop_sim_listen(w->loop, &w->listen);
    MUST(handle >= 0);
    rc = acceptor_take(&w->worker, &listen, handle);
    if (rc < 0)
        close_listener(w, handle);
    return rc;
}

struct world *world_open(const struct world_setup *setup)
{
    static const struct world_setup usual = {.seed = 1, .server_n = 1};
    struct world *w = world_new(setup ? setup : &usual);

    CHECK(world_start(w) == 0);
    return w;
}

/* ---- running ---- */

static size_t held_by(const struct conn *c)
{
    return bufq_cap(&c->in) + bufq_cap(&c->out);
}

static void note_held(struct world *w)
{
    const struct client *c;
    const struct exchange *ex;
    size_t held = 0;

    LIST_FOREACH (c, &w->worker.clients, entry)
        held += held_by(&c->conn);
    TAILQ_FOREACH (ex, &w->worker.exchanges, entry)
        if (ex->lane)
            held += held_by(&origin_conn_of(ex->lane)->conn);
    if (held > w->held_max_bytes)
        w->held_max_bytes = held;
    if (w->worker.shared.queued_bytes > w->queued_max_bytes)
        w->queued_max_bytes = w->worker.shared.queued_bytes;
}

uint64_t world_now_ms(const struct world *w)
{
    return loop_now_ms(w->loop);
}

void world_run_ms(struct world *w, uint64_t ms)
{
    uint64_t until_ms = world_now_ms(w) + ms;
    unsigned turns_at_end = 0;

    /* A few turns more when the time has come: what is ready then shall be done. */
    while (world_now_ms(w) < until_ms || turns_at_end++ < 64) {
        uint64_t left_ms = until_ms > world_now_ms(w) ? until_ms - world_now_ms(w) : 0;

        loop_turn(w->loop, (int64_t)left_ms);
        if (w->has_worker)
            note_held(w);
    }
}

struct world_client *world_client(struct world *w)
{
    struct world_client *c = calloc(1, sizeof(*c));

    MUST(c);
    LIST_INSERT_HEAD(&w->clients, c, entry);
    c->peer.has_header = w->setup.is_behind_proxy;
    peer_connect(&c->peer, w->loop, &w->listen);
    return c;
}

void world_say(struct world_client *c, const char *text)
{
    peer_say(&c->peer, span_from_str(text));
}

struct world_client *world_ask(struct world *w, const char *text)
{
    struct world_client *c = world_client(w);

    world_say(c, text);
    return c;
}

void world_calm_tls(void)
{
    if (world_over_tls != NULL)
        world_over_tls->calm();
}

bool world_is_clear(enum world_only_in_clear what)
{
    static const char *const reasons[] = {
#define ONLY_IN_CLEAR(name, why) why,
#include "only_in_clear.def"
#undef ONLY_IN_CLEAR
    };

    if (world_over_tls != NULL)
        print_message("not so over TLS: %s\n", reasons[what]);
    return world_over_tls == NULL;
}

unsigned world_stride(void)
{
    enum { OVER_TLS = 5 };

    return world_over_tls != NULL ? OVER_TLS : 1;
}

static struct world_client *ask_behind_handshake(struct world *w, const char *text,
                                                 const struct loop_sim_faults *faults)
{
    struct world_client *c = world_client(w);
    const uint64_t before = world_stat(w, STATS_requests);

    world_calm_tls();
    world_run_ms(w, 10);
    world_say(c, text);
    loop_sim_set_faults(w->loop, faults);
    while (world_stat(w, STATS_requests) == before)
        loop_turn(w->loop, 1);
    return c;
}

struct world_client *world_ask_at_once(struct world *w, const char *text,
                                       const struct loop_sim_faults *faults)
{
    enum { CONNECT_AND_ACCEPT = 2 };
    const unsigned before = w->worker.clients_slab.in_use;
    struct loop_sim_faults once = {.fail_op =
                                       (uint32_t)loop_sim_ops(w->loop) + CONNECT_AND_ACCEPT};
    struct world_client *c;

    if (world_over_tls != NULL)
        return ask_behind_handshake(w, text, faults);
    loop_sim_set_faults(w->loop, &once);
    c = world_ask(w, text);
    world_run_ms(w, 10);
    loop_sim_set_faults(w->loop, faults);
    CHECK(w->worker.clients_slab.in_use == before);
    while (w->worker.clients_slab.in_use == before)
        loop_turn(w->loop, 1);
    return c;
}

static void on_drained(void *arg)
{
    struct world *w = arg;

    w->has_drained_twice = w->is_drained;
    w->is_drained = true;
}

void world_route(struct world *w, unsigned n, int result)
{
    loop_sim_route(w->loop, &w->origins[n].at, result);
}

void world_drain(struct world *w, uint32_t limit_ms)
{
    worker_drain(&w->worker, limit_ms, on_drained, w);
}

uint64_t world_stat(const struct world *w, enum stats_counter c)
{
    return w->stats->value[c];
}

/* ---- looking ---- */

struct pool_runtime *world_pool(const struct world *w)
{
    return pool_runtime_find(&w->worker, 0);
}

struct origin *world_origin_of(struct world *w, unsigned n)
{
    return origin_find(&w->worker, w->server_id[n]);
}

/* ---- texts ---- */

static const char *volatile_fields[] = {"\r\nX-Request-Id: ", "\r\nDate: "};

/* Length of the value at s if it is one that changes from run to run. */
static size_t volatile_value(const char *s)
{
    size_t n = strcspn(s, "\r");

    return n == 32 || n == DATE_TEXT_LEN ? n : 0;
}

/* Over TLS as in clear, so that a test's words hold for both. */
static const char https_told[] = "\r\nX-Forwarded-Proto: https";

static bool is_https_told(const char *at, const char *end)
{
    const size_t n = strlen(https_told);

    return (size_t)(end - at) >= n && memcmp(at, https_told, n) == 0;
}

const char *world_seen(const struct text *t)
{
    static struct text seen;
    const char *at = t->ptr;
    const char *end = at + t->len;

    seen.len = 0;
    while (at < end) {
        size_t skip = 0;

        if (world_over_tls != NULL && is_https_told(at, end)) {
            text_add(&seen, span_from(at, strlen(https_told) - 1));
            at += strlen(https_told);
            continue;
        }
        for (size_t i = 0; i < COUNT(volatile_fields); i++) {
            size_t n = strlen(volatile_fields[i]);

            if ((size_t)(end - at) <= n || memcmp(at, volatile_fields[i], n) != 0)
                continue;
            text_add(&seen, span_from(at, n));
            at += n;
            skip = volatile_value(at);
        }
        text_add(&seen, skip ? SPAN("*") : span_from(at, 1));
        at += skip ? skip : 1;
    }
    text_add(&seen, span_from("", 1));
    return seen.ptr;
}

const char *world_got(const struct world_client *c)
{
    return world_seen(&c->peer.in);
}

const char *world_origin_got(struct world *w, unsigned origin, unsigned conn)
{
    struct fake_conn *c = fake_origin_conn(&w->origins[origin], conn);

    CHECK(c);
    return world_seen(&c->peer.in);
}

/* ---- end ---- */

/* Every exchange has come to exactly one end, and every response was counted once. */
static void check_stats(const struct world *w)
{
    uint64_t ends = 0;
    uint64_t answers = world_stat(w, STATS_client_success) + world_stat(w, STATS_client_failed);

    for (unsigned i = 0; i < STATS_ENDS_MAX; i++)
        ends += w->stats->end[i];
    CHECK(answers <= ends);
    CHECK(answers + world_stat(w, STATS_client_aborts) >= ends);
    CHECK(world_stat(w, STATS_requests) <= ends);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_client_open) == 0);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    CHECK(world_stat(w, STATS_queued_bytes) == 0);
    for (unsigned n = 0; n < WORLD_ORIGINS; n++)
        CHECK(w->stats->server[n].value[STATS_SERVER_in_flight] == 0);
}

static void end_worker(struct world *w)
{
    fault_set(0);
    if (!LIST_EMPTY(&w->worker.acceptors)) {
        world_drain(w, 10);
        world_run_ms(w, 3000);
        CHECK(w->is_drained && !w->has_drained_twice);
    }
    CHECK(w->worker.clients_slab.in_use == 0);
    CHECK(w->worker.exchanges_slab.in_use == 0);
    CHECK(w->worker.streams.slab.in_use == 0);
    CHECK(w->worker.origin_conns_slab.in_use == 0);
    CHECK(codec_shared_live_n(w->worker.shared.codecs) == 0);
    check_stats(w);
    worker_fini(&w->worker);
}

static void free_clients(struct world *w)
{
    struct world_client *c;

    while ((c = LIST_FIRST(&w->clients))) {
        LIST_REMOVE(c, entry);
        CHECK(c->peer.is_closed);
        peer_free_texts(&c->peer);
        free(c);
    }
}

void world_end(struct world *w)
{
    struct world_client *c;

    loop_sim_set_faults(w->loop, NULL);
    loop_undefer(w->loop, &w->nudge);
    LIST_FOREACH (c, &w->clients, entry)
        peer_close(&c->peer, false);
    world_run_ms(w, 10);
    if (w->has_worker)
        end_worker(w);
    for (unsigned n = 0; n < WORLD_ORIGINS; n++)
        fake_origin_close(&w->origins[n]);
    world_run_ms(w, 10);
    free_clients(w);
    for (unsigned n = 0; n < WORLD_ORIGINS; n++)
        fake_origin_fini(&w->origins[n]);
    CHECK(loop_sim_open_n(w->loop) == 0);
    pool_state_free(w->pool);
    free(w->stats);
    loop_free(w->loop);
    free(w);
}
