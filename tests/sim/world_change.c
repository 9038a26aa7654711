#include <stdio.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "base/fault.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"
#include "world.h"

/* ---- facts ---- */

static int set_local(struct world *w, uint64_t server_id, uint32_t slot, uint32_t flags)
{
    struct frame_local facts = {.server_id = server_id, .stats_slot = slot, .flags = flags};

    loop_defer(w->loop, &w->nudge);
    return w->has_worker ? worker_local(&w->worker, &facts) : 0;
}

int world_set_up(struct world *w, unsigned n, bool up)
{
    return set_local(w, w->server_id[n], n, up ? FRAME_LOCAL_UP : 0);
}

int world_tell(struct world *w, unsigned n, uint32_t flags)
{
    return set_local(w, w->server_id[n], n, flags);
}

int world_cut(struct world *w, unsigned n)
{
    return set_local(w, w->server_id[n], n, FRAME_LOCAL_UP | FRAME_LOCAL_CUT);
}

int world_forget(struct world *w, uint64_t server_id)
{
    return set_local(w, server_id, STATS_NO_SLOT, FRAME_LOCAL_GONE);
}

/* ---- the description ---- */

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

/* ---- servers ---- */

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

const char *world_scheme(void)
{
    return world_over_tls == NULL ? "http" : "https";
}

/* As the manager: the facts before the server. */
int world_add_server(struct world *w, unsigned n, uint16_t weight)
{
    int rc = set_local(w, w->pool->index + 1, n, FRAME_LOCAL_UP);
    char url[64];

    (void)snprintf(url, sizeof(url), "%s://10.0.0.%u", world_scheme(), n + 1);
    return rc < 0 ? rc : add_url(w, n, weight, url);
}

int world_add_named(struct world *w, unsigned n)
{
    int rc = set_local(w, w->pool->index + 1, n, FRAME_LOCAL_UP);
    char url[64];

    (void)snprintf(url, sizeof(url), "%s://app%u.test", world_scheme(), n);
    return rc < 0 ? rc : add_url(w, n, 1, url);
}

int world_set_addrs(struct world *w, unsigned n, uint32_t origins, uint32_t down)
{
    struct frame_addrs found = {.server_id = w->server_id[n]};

    for (unsigned i = 0; i < WORLD_ORIGINS; i++) {
        if (!(origins >> i & 1))
            continue;
        found.down |= (uint64_t)(down >> i & 1) << found.n;
        found.addrs[found.n++] = w->origins[i].at;
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

static int change_server(struct world *w, unsigned n, uint32_t set, uint32_t value)
{
    struct pool_command c;
    struct pool_change change = {0};

    pool_command_init(&c, POOL_CHANGE_SERVER);
    c.server_id = w->server_id[n];
    c.set = set;
    if (set == POOL_SET_WEIGHT)
        c.server.weight = (uint16_t)value;
    else
        c.server.max_requests = value;
    int rc = apply(w, &c, &change);
    pool_command_fini(&c);
    return rc;
}

int world_set_weight(struct world *w, unsigned n, uint16_t weight)
{
    return change_server(w, n, POOL_SET_WEIGHT, weight);
}

int world_set_max_requests(struct world *w, unsigned n, uint32_t max)
{
    return change_server(w, n, POOL_SET_MAX_REQUESTS, max);
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

/* ---- settings ---- */

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

void world_set(struct world *w, const char *path, uint64_t n)
{
    MUST(world_set_pool(w, path, n) == 0);
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

/* ---- another pool ---- */

int world_add_server_of(struct world *w, const char *pool, unsigned n)
{
    char json[64];

    (void)snprintf(json, sizeof(json), "{\"url\":\"%s://10.0.0.%u\"}", world_scheme(), n + 1);
    return world_describe(w, POOL_ADD_SERVER, pool, json, &w->server_id[n]);
}

void world_add_pool(struct world *w, const char *name, unsigned n)
{
    char json[128];

    (void)snprintf(json, sizeof(json), "{\"name\":\"%s\",\"tls\":{\"verify\":false}}", name);
    CHECK(world_describe(w, POOL_ADD_POOL, NULL, json, NULL) == 0);
    CHECK(world_add_server_of(w, name, n) == 0);
    CHECK(world_set_up(w, n, true) == 0);
}
