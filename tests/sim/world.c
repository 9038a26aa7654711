#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "base/fault.h"
#include "base/poison.h"
#include "log/log.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"
#include "worker/acceptor.h"
#include "worker/client.h"
#include "worker/exchange.h"
#include "worker/origin.h"
#include "worker/origin_conn.h"

/* ---- the pool ---- */

/* What the manager allocates does not count as the worker's. */
static unsigned hold_faults(void)
{
    unsigned armed = fault_countdown;

    fault_set(0);
    return armed;
}

static int apply(struct world *w, const struct pool_command *c, struct pool_change *change)
{
    unsigned armed = hold_faults();
    uint64_t index = w->pool->index + 1;
    char *entry;
    size_t len;
    int rc = 0;

    MUST(pool_code_encode(c, &entry, &len) == 0);
    MUST(pool_apply(w->pool, c, index, change) == 0);
    pool_change_fini(change);
    fault_set(armed);
    if (w->has_worker) {
        rc = worker_apply(&w->worker, index, span_from(entry, len));
        CHECK(rc < 0 || w->worker.pool_state->digest == w->pool->digest);
    }
    free(entry);
    return rc;
}

static struct addr addr_of_origin(unsigned n)
{
    return (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, (uint8_t)(n + 1)}};
}

static int add_url(struct world *w, unsigned n, uint16_t weight, const char *url)
{
    struct pool_command c;
    struct pool_change change = {0};
    struct pool_error error;
    unsigned armed = hold_faults();
    int rc;

    pool_command_init(&c, POOL_ADD_SERVER);
    MUST(pool_check_url(span_from_str(url), &c.server, &error) == 0);
    c.server.weight = weight;
    c.server.map_host = w->setup.map_host;
    c.server.proxy_protocol = w->setup.tells_client ? 2 : 0;
    fault_set(armed);
    rc = apply(w, &c, &change);
    w->server_id[n] = change.id;
    pool_command_fini(&c);
    return rc;
}

static int add_server(struct world *w, unsigned n, uint16_t weight)
{
    char url[64];

    (void)snprintf(url, sizeof(url), "http://10.0.0.%u", n + 1);
    return add_url(w, n, weight, url);
}

/* What a worker is told by its manager it hears in a callback, behind which conns send. */
static void on_nudge(struct loop_work *work)
{
    (void)work;
}

static int set_local(struct world *w, uint64_t server_id, uint32_t slot, uint32_t flags)
{
    struct frame_local facts = {.server_id = server_id, .stats_slot = slot, .flags = flags};

    loop_defer(w->loop, &w->nudge);
    return w->has_worker ? worker_local(&w->worker, &facts) : 0;
}

/* As the manager: the facts before the server. */
int world_add_server(struct world *w, unsigned n, uint16_t weight)
{
    int rc = set_local(w, w->pool->index + 1, n, FRAME_LOCAL_UP);

    return rc < 0 ? rc : add_server(w, n, weight);
}

int world_add_named(struct world *w, unsigned n)
{
    int rc = set_local(w, w->pool->index + 1, n, FRAME_LOCAL_UP);
    char url[64];

    (void)snprintf(url, sizeof(url), "http://app%u.test", n);
    return rc < 0 ? rc : add_url(w, n, 1, url);
}

int world_set_addrs(struct world *w, unsigned n, uint32_t origins, uint32_t down)
{
    struct frame_addrs found = {.server_id = w->server_id[n]};

    for (unsigned i = 0; i < WORLD_ORIGINS; i++) {
        if (!(origins >> i & 1))
            continue;
        found.down |= (uint64_t)(down >> i & 1) << found.n;
        found.addrs[found.n++] = addr_of_origin(i);
    }
    loop_defer(w->loop, &w->nudge);
    return worker_addrs(&w->worker, &found);
}

int world_remove_server(struct world *w, unsigned n)
{
    struct pool_command c;
    struct pool_change change = {0};
    int rc;

    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = w->server_id[n];
    rc = apply(w, &c, &change);
    w->server_id[n] = 0;
    pool_command_fini(&c);
    return rc;
}

int world_set_weight(struct world *w, unsigned n, uint16_t weight)
{
    struct pool_command c;
    struct pool_change change = {0};
    int rc;

    pool_command_init(&c, POOL_CHANGE_SERVER);
    c.server_id = w->server_id[n];
    c.set = POOL_SET_WEIGHT;
    c.server.weight = weight;
    rc = apply(w, &c, &change);
    pool_command_fini(&c);
    return rc;
}

int world_set_timeouts(struct world *w, const struct world_timeouts *t)
{
    const struct {
        const char *path;
        uint32_t ms;
    } all[] = {
        {"timeouts.connect_ms", t->connect_ms},
        {"timeouts.response_head_ms", t->response_head_ms},
        {"timeouts.idle_ms", t->idle_ms},
        {"timeouts.tunnel_ms", t->tunnel_ms},
        {"timeouts.client_head_ms", t->client_head_ms},
        {"timeouts.client_body_ms", t->client_body_ms},
        {"timeouts.client_idle_ms", t->client_idle_ms},
        {"timeouts.client_write_ms", t->client_write_ms},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].ms != 0)
            rc = world_set_pool(w, all[i].path, all[i].ms);
    return rc;
}

int world_set_admin(struct world *w, unsigned n, uint8_t admin)
{
    struct pool_command c;
    struct pool_change change = {0};
    int rc;

    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = w->server_id[n];
    c.server.admin = admin;
    loop_defer(w->loop, &w->nudge);
    rc = apply(w, &c, &change);
    pool_command_fini(&c);
    return rc;
}

/* The default pool's, the default listener's or the node's. */
int world_set_pool(struct world *w, const char *path, uint64_t value)
{
    const struct setting *of_pool = settings_find_path(&pool_settings_table, path);
    const struct setting *of_listener = settings_find_path(&listener_settings_table, path);
    struct pool_command c;
    struct pool_change change = {0};
    int rc;

    if (of_pool == NULL && of_listener == NULL) {
        const struct frame_node node = {.queue_bytes = value};

        MUST(strcmp(path, "limits.queue_bytes") == 0);
        worker_node(&w->worker, &node);
        return 0;
    }
    pool_command_init(&c, of_pool != NULL ? POOL_SET_POOL : POOL_SET_LISTENER);
    if (of_pool != NULL) {
        setting_set(&c.settings, of_pool, value);
        c.given = setting_bit(&pool_settings_table, of_pool);
    } else {
        setting_set(&c.wanted.settings, of_listener, value);
        c.given = setting_bit(&listener_settings_table, of_listener);
    }
    rc = apply(w, &c, &change);
    pool_command_fini(&c);
    return rc;
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

/* ---- any change ---- */

static int read_change(enum pool_command_type type, const char *json, struct pool_command *c,
                       struct pool_error *error)
{
    const struct span body = span_from_str(json);

    switch (type) {
    case POOL_ADD_POOL:
        return pool_code_add_pool_from_json(body, SPAN_NONE, c, error);
    case POOL_SET_POOL:
        return pool_code_set_pool_from_json(body, c, error);
    case POOL_ADD_SERVER:
        return pool_code_add_from_json(body, c, error);
    case POOL_ADD_LISTENER:
        return pool_code_add_listener_from_json(body, SPAN_NONE, c, error);
    case POOL_SET_LISTENER:
        return pool_code_set_listener_from_json(body, c, error);
    case POOL_ADD_RULE:
        return pool_code_add_rule_from_json(body, c, error);
    default:
        MUST(false);
        return 0;
    }
}

int world_describe(struct world *w, enum pool_command_type type, const char *to,
                   const char *json, uint64_t *id)
{
    struct pool_command c;
    struct pool_change change = {0};
    struct pool_error error = {0};
    const unsigned armed = hold_faults();
    const enum kind kind = pool_command_kind(type);
    int rc = read_change(type, json, &c, &error);

    if (rc < 0)
        print_error("%s: %s\n", error.field, error.detail);
    MUST(rc == 0);
    if (to != NULL)
        (void)snprintf(kind == KIND_POOL || kind == KIND_SERVER ? c.pool : c.listener,
                       sizeof(c.pool), "%s", to);
    fault_set(armed);
    rc = apply(w, &c, &change);
    if (id != NULL)
        *id = change.id;
    pool_command_fini(&c);
    return rc;
}

int world_undescribe(struct world *w, enum pool_command_type type, const char *name,
                     uint64_t rule_id)
{
    struct pool_command c;
    struct pool_change change = {0};
    const bool is_of_pool = pool_command_kind(type) == KIND_POOL;
    int rc;

    pool_command_init(&c, type);
    (void)snprintf(is_of_pool ? c.pool : c.listener, sizeof(c.pool), "%s", name);
    c.rule_id = rule_id;
    loop_defer(w->loop, &w->nudge);
    rc = apply(w, &c, &change);
    pool_command_fini(&c);
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

void world_route(struct world *w, unsigned n, int result)
{
    loop_sim_route(w->loop, &w->origins[n].at, result);
}

int world_cut(struct world *w, unsigned n)
{
    return set_local(w, w->server_id[n], n, FRAME_LOCAL_UP | FRAME_LOCAL_CUT);
}

void world_set(struct world *w, const char *path, uint64_t n)
{
    MUST(world_set_pool(w, path, n) == 0);
}

int world_set_up(struct world *w, unsigned n, bool up)
{
    return set_local(w, w->server_id[n], n, up ? FRAME_LOCAL_UP : 0);
}

int world_tell(struct world *w, unsigned n, uint32_t flags)
{
    return set_local(w, w->server_id[n], n, flags);
}

int world_forget(struct world *w, uint64_t server_id)
{
    return set_local(w, server_id, STATS_NO_SLOT, FRAME_LOCAL_GONE);
}

struct pool_runtime *world_pool(const struct world *w)
{
    return pool_runtime_find(&w->worker, 0);
}

struct origin *world_origin_of(struct world *w, unsigned n)
{
    return origin_find(&w->worker, w->server_id[n]);
}

/* ---- begin ---- */

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
    for (unsigned n = 0; n < WORLD_ORIGINS; n++) {
        struct addr at = addr_of_origin(n);

        fake_origin_open(&w->origins[n], w->loop, &at);
        w->origins[n].has_header = setup->tells_client;
    }
    MUST(world_set_timeouts(w, &setup->timeouts) == 0);
    for (unsigned n = 0; n < setup->server_n; n++)
        MUST(add_server(w, n, setup->weight[n] ? setup->weight[n] : 1) == 0);
    return w;
}

int world_snapshot(struct world *w)
{
    char *snapshot;
    size_t len;
    unsigned armed = hold_faults();
    int rc;

    MUST(pool_snapshot_encode(w->pool, &snapshot, &len) == 0);
    fault_set(armed);
    rc = worker_snapshot(&w->worker, span_from(snapshot, len));
    free(snapshot);
    return rc;
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

struct world_client *world_ask_at_once(struct world *w, const char *text,
                                       const struct loop_sim_faults *faults)
{
    enum { CONNECT_AND_ACCEPT = 2 };
    const unsigned before = w->worker.clients_slab.in_use;
    struct loop_sim_faults once = {.fail_op =
                                       (uint32_t)loop_sim_ops(w->loop) + CONNECT_AND_ACCEPT};
    struct world_client *c;

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

void world_drain(struct world *w, uint32_t limit_ms)
{
    worker_drain(&w->worker, limit_ms, on_drained, w);
}

uint64_t world_stat(const struct world *w, enum stats_counter c)
{
    return w->stats->value[c];
}

/* ---- texts ---- */

static const char *volatile_fields[] = {"\r\nX-Request-Id: ", "\r\nDate: "};

/* Length of the value at s if it is one that changes from run to run. */
static size_t volatile_value(const char *s)
{
    size_t n = strcspn(s, "\r");

    return n == 32 || n == DATE_TEXT_LEN ? n : 0;
}

const char *world_seen(const struct text *t)
{
    static struct text seen;
    const char *at = t->ptr;
    const char *end = at + t->len;

    seen.len = 0;
    while (at < end) {
        size_t skip = 0;

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
