#include "manager/api_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/strb.h"
#include "pool/pool_code.h"

enum { HREF_MAX = POOL_HOST_MAX + 32 };

/* ---- pieces ---- */

/* Takes the document; its text with a newline. */
static char *print(json_t *root, bool has_failed)
{
    char *text = NULL, *line = NULL;

    if (root != NULL && !has_failed)
        text = json_dumps(root, JSON_INDENT(2));
    if (text != NULL)
        line = realloc(text, strlen(text) + 2);
    if (line != NULL)
        memcpy(line + strlen(line), "\n", 2);
    else
        free(text);
    json_decref(root);
    return line;
}

/* "key": value; remembers a failure. Takes value. */
struct maker {
    json_t *object;
    bool failed;
};

static struct maker make_object(void)
{
    struct maker m = {json_object(), false};

    m.failed = m.object == NULL;
    return m;
}

static void set(struct maker *m, const char *key, json_t *value)
{
    if (json_object_set_new(m->object, key, value) < 0)
        m->failed = true;
}

static void set_number(struct maker *m, const char *key, uint64_t n)
{
    set(m, key, json_integer((json_int_t)n));
}

static void set_text(struct maker *m, const char *key, const char *text)
{
    set(m, key, json_string(text));
}

/* The object, or NULL when a part is missing. */
static json_t *made(struct maker *m)
{
    if (!m->failed)
        return m->object;
    json_decref(m->object);
    return NULL;
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

/* Takes malloc'd JSON text. */
static json_t *embed(char *text)
{
    json_t *value = text != NULL ? json_loads(text, 0, NULL) : NULL;

    free(text);
    return value;
}

static json_t *link_to(const char *rel, const char *href, const char *method)
{
    struct maker m = make_object();

    set_text(&m, "rel", rel);
    set_text(&m, "href", href);
    set(&m, "method", text_or_null(method));
    return made(&m);
}

struct link_row {
    const char *rel, *href, *method;
};

static json_t *make_links(const struct link_row *rows, size_t n)
{
    json_t *links = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(links, link_to(rows[i].rel, rows[i].href, rows[i].method)) <
            0) {
            json_decref(links);
            return NULL;
        }
    }
    return links;
}
#define LINKS(rows) make_links((rows), sizeof(rows) / sizeof((rows)[0]))

static char *finish(struct maker *m)
{
    return print(made(m), false);
}

/* ---- small documents ---- */

char *api_json_problem(const struct api_json_problem_view *v)
{
    struct maker m = make_object();

    set_text(&m, "type", "about:blank");
    set(&m, "title", json_stringn(v->title.ptr, v->title.len));
    set_number(&m, "status", v->status);
    set_text(&m, "code", v->code);
    set_text(&m, "detail", v->detail);
    set(&m, "field", text_or_null(v->field));
    return finish(&m);
}

char *api_json_dry_run(const char *change)
{
    struct maker m = make_object();

    set(&m, "dry_run", json_true());
    set_text(&m, "change", change);
    return finish(&m);
}

char *api_json_root(const char *version)
{
    static const struct link_row links[] = {
        {"servers", "/servers", NULL}, {"pools", "/pools/default", NULL},
        {"stats", "/stats", NULL},     {"stats_detail", "/stats/detail", NULL},
        {"workers", "/workers", NULL}, {"health", "/health", NULL},
        {"ready", "/ready", NULL},
    };
    struct maker m = make_object();

    set_text(&m, "about", "Weldr Management API");
    set_text(&m, "version", version);
    set(&m, "links", LINKS(links));
    return finish(&m);
}

char *api_json_health(const char *status, unsigned workers)
{
    static const struct link_row links[] = {{"workers", "/workers", NULL}};
    struct maker m = make_object();

    set_text(&m, "status", status);
    set_number(&m, "workers", workers);
    set(&m, "links", LINKS(links));
    return finish(&m);
}

/* ---- servers ---- */

void api_json_server_href(const struct pool_server *server, char *buf, size_t size)
{
    struct strb b;

    strb_init(&b, buf, size);
    strb_addf(&b, server->addr.family == AF_INET6 ? "/servers/[%s]/%u" : "/servers/%s/%u",
              server->host, (unsigned)server->addr.port);
}

static json_t *make_last(const struct check_result *last)
{
    struct maker m;
    char at[32];

    if (last == NULL)
        return json_null();
    m = make_object();
    (void)clock_print_wall(last->at_us, at);
    set_text(&m, "at", at);
    set(&m, "ok", json_boolean(last->ok));
    set(&m, "status", last->status != 0 ? json_integer(last->status) : json_null());
    set_number(&m, "ms", last->took_ms);
    set(&m, "error", text_or_null(last->error));
    return made(&m);
}

static json_t *make_meta(const struct pool_server *server)
{
    struct maker m = make_object();

    for (unsigned i = 0; i < server->meta_n; i++)
        set_text(&m, server->meta[i].key, server->meta[i].value);
    return made(&m);
}

static json_t *make_server_links(const struct pool_server *server, bool alone)
{
    char href[HREF_MAX], drain[HREF_MAX + 16], resume[HREF_MAX + 16], stop[HREF_MAX + 16];
    const struct link_row links[] = {
        {"delete", href, "DELETE"},       {"change", href, "PATCH"},  {"drain", drain, "POST"},
        {"maintenance", stop, "POST"},    {"resume", resume, "POST"}, {"self", href, NULL},
        {"pool", "/pools/default", NULL},
    };

    api_json_server_href(server, href, sizeof(href));
    if (!alone)
        return make_links(links, 1);
    (void)snprintf(drain, sizeof(drain), "%s/drain", href);
    (void)snprintf(resume, sizeof(resume), "%s/resume", href);
    (void)snprintf(stop, sizeof(stop), "%s/maintenance", href);
    return LINKS(links);
}

static json_t *make_addrs(const struct api_json_server_view *v)
{
    json_t *list = json_array();
    char text[ADDR_TEXT_MAX];

    for (unsigned i = 0; i < v->addr_n; i++) {
        (void)addr_print(&v->addrs[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

/* Takes check, the effective settings. */
static json_t *make_server(const struct api_json_server_view *v, json_t *check, bool alone)
{
    const struct pool_server *server = v->server;
    struct maker m = make_object();
    char id[24];

    (void)pool_id_print(server->id, id);
    set_text(&m, "id", id);
    set_text(&m, "url", server->url);
    set_text(&m, "pool", v->pool);
    set_text(&m, "state", v->state);
    set(&m, "reason", text_or_null(v->reason));
    set(&m, "addresses", make_addrs(v));
    set_number(&m, "weight", server->weight);
    set(&m, "map_host", json_boolean(server->map_host));
    set_number(&m, "proxy_protocol", server->proxy_protocol);
    set_text(&m, "admin", pool_admin_word((enum pool_admin)server->admin));
    set_number(&m, "drain_ms", server->drain_ms);
    set(&m, "check", check);
    set(&m, "meta", make_meta(server));
    set_number(&m, "in_flight", v->in_flight);
    set_number(&m, "success", v->success);
    set_number(&m, "failed", v->failed);
    set_number(&m, "ejected", v->ejected);
    set_number(&m, "ejections", v->ejections);
    set(&m, "drain_left_ms",
        v->drain_left_ms != NULL ? json_integer((json_int_t)*v->drain_left_ms) : json_null());
    set(&m, "last_check", make_last(v->last));
    set(&m, "links", make_server_links(server, alone));
    return made(&m);
}

char *api_json_server(const struct api_json_server_view *v)
{
    return print(make_server(v, embed(pool_code_health_json(v->check)), true), false);
}

/* ---- lists ---- */

static void begin_list(struct api_json_list *l, const char *key)
{
    json_t *items = json_array();

    l->items = items;
    l->root = items;
    l->check = NULL;
    l->failed = items == NULL;
    if (key == NULL)
        return;
    l->root = json_object();
    if (json_object_set_new(l->root, key, items) < 0)
        l->failed = true;
}

static void add_item(struct api_json_list *l, json_t *item)
{
    if (l->failed)
        json_decref(item);
    else if (json_array_append_new(l->items, item) < 0)
        l->failed = true;
}

static void add_key(struct api_json_list *l, const char *key, json_t *value)
{
    if (l->failed)
        json_decref(value);
    else if (json_object_set_new(l->root, key, value) < 0)
        l->failed = true;
}

char *api_json_list_end(struct api_json_list *l)
{
    json_decref(l->check);
    return print(l->root, l->failed);
}

/* The original's shape: servers, then links. */
void api_json_servers_begin(struct api_json_list *l)
{
    static const struct link_row links[] = {{"add", "/servers", "POST"}};

    begin_list(l, "servers");
    add_key(l, "links", LINKS(links));
}

static bool is_equal_text(const char *a, const char *b)
{
    return a == b || strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool is_equal_check(const struct pool_health *a, const struct pool_health *b)
{
    return a->type == b->type && a->expect_n == b->expect_n && a->failures == b->failures &&
           a->passes == b->passes && a->interval_ms == b->interval_ms &&
           a->fast_interval_ms == b->fast_interval_ms && a->timeout_ms == b->timeout_ms &&
           memcmp(a->expect, b->expect, a->expect_n * sizeof(a->expect[0])) == 0 &&
           is_equal_text(a->path, b->path) && is_equal_text(a->host, b->host);
}

/* The settings once for all servers in a row that share them: they are the larger half of the
 * work. */
static json_t *get_check(struct api_json_list *l, const struct pool_health *check)
{
    if (l->check == NULL || !is_equal_check(&l->made_of, check)) {
        json_decref(l->check);
        l->check = embed(pool_code_health_json(check));
        l->made_of = *check;
    }
    return json_incref(l->check);
}

void api_json_servers_add(struct api_json_list *l, const struct api_json_server_view *v)
{
    add_item(l, make_server(v, get_check(l, v->check), false));
}

void api_json_servers_name(struct api_json_list *l, const struct api_json_server_view *v)
{
    add_key(l, "server", make_server(v, get_check(l, v->check), true));
}

void api_json_detail_begin(struct api_json_list *l)
{
    begin_list(l, NULL);
}

void api_json_detail_add(struct api_json_list *l, const struct api_json_server_view *v)
{
    struct maker m = make_object();
    char id[24], port[8];
    struct strb b;

    (void)pool_id_print(v->server->id, id);
    strb_init(&b, port, sizeof(port));
    strb_add_u64(&b, v->server->addr.port);
    set_text(&m, "id", id);
    set_text(&m, "ip", v->server->host);
    set_text(&m, "port", port);
    set_number(&m, "success", v->success);
    set_number(&m, "failed", v->failed);
    set_text(&m, "state", v->state);
    set_number(&m, "in_flight", v->in_flight);
    add_item(l, made(&m));
}

void api_json_workers_begin(struct api_json_list *l)
{
    static const struct link_row links[] = {{"stats", "/stats", NULL}};

    begin_list(l, "workers");
    add_key(l, "links", LINKS(links));
}

void api_json_workers_add(struct api_json_list *l, const struct api_json_worker_view *v)
{
    struct maker m = make_object();
    char digest[24];
    struct strb b;

    strb_init(&b, digest, sizeof(digest));
    strb_addf(&b, "%016" PRIx64, v->digest);
    set_number(&m, "id", v->id);
    set(&m, "pid", v->pid != 0 ? json_integer(v->pid) : json_null());
    set_text(&m, "state", v->state);
    set_number(&m, "applied_index", v->applied_index);
    set_text(&m, "digest", digest);
    set_number(&m, "connections", v->connections);
    set_number(&m, "in_flight", v->in_flight);
    set_number(&m, "restarts", v->restarts);
    add_item(l, made(&m));
}

/* ---- pool and statistics ---- */

char *api_json_pool(const struct pool *p, uint64_t revision)
{
    static const struct link_row links[] = {
        {"self", "/pools/default", NULL},
        {"change", "/pools/default", "PATCH"},
        {"servers", "/servers", NULL},
    };
    json_t *root = embed(pool_code_pool_json(p));
    struct maker m = {root, root == NULL};

    set_number(&m, "servers", p->server_n);
    set_number(&m, "revision", revision);
    set(&m, "links", LINKS(links));
    return finish(&m);
}

static json_t *make_outcomes(uint64_t success, uint64_t failed)
{
    struct maker m = make_object();

    set_number(&m, "success", success);
    set_number(&m, "failed", failed);
    return made(&m);
}

static json_t *make_connections(const struct api_json_stats_view *v)
{
    struct maker m = make_object();

    set_number(&m, "client", v->client_connections);
    set_number(&m, "client_open", v->client_open);
    set_number(&m, "server", v->server_connections);
    set_number(&m, "server_idle", v->server_idle);
    return made(&m);
}

static json_t *make_bytes(const struct api_json_stats_view *v)
{
    struct maker m = make_object();

    set_number(&m, "in", v->bytes_in);
    set_number(&m, "out", v->bytes_out);
    return made(&m);
}

static json_t *make_ends(const struct api_json_stats_view *v)
{
    struct maker m = make_object();

    for (unsigned i = 0; i < v->end_n; i++)
        set_number(&m, v->ends[i].word, v->ends[i].n);
    return made(&m);
}

static json_t *make_latency(const struct api_json_stats_view *v)
{
    struct maker m = make_object();

    set_number(&m, "p50", v->p50_us);
    set_number(&m, "p90", v->p90_us);
    set_number(&m, "p99", v->p99_us);
    return made(&m);
}

char *api_json_stats(const struct api_json_stats_view *v)
{
    static const struct link_row links[] = {{"detail", "/stats/detail", NULL}};
    struct maker m = make_object();

    set(&m, "client", make_outcomes(v->client_success, v->client_failed));
    set(&m, "server", make_outcomes(v->server_success, v->server_failed));
    set(&m, "connections", make_connections(v));
    set_number(&m, "requests", v->requests);
    set_number(&m, "in_flight", v->in_flight);
    set_number(&m, "retries", v->retries);
    set_number(&m, "bad_requests", v->bad_requests);
    set_number(&m, "client_aborts", v->client_aborts);
    set_number(&m, "access_log_lost", v->access_log_lost);
    set_number(&m, "queued_bytes", v->queued_bytes);
    set_number(&m, "proxy_refused", v->proxy_refused);
    set(&m, "bytes", make_bytes(v));
    set(&m, "ends", make_ends(v));
    set(&m, "latency_us", make_latency(v));
    set_number(&m, "workers", v->workers);
    set(&m, "fail_open", json_boolean(v->fail_open));
    set_number(&m, "revision", v->revision);
    set(&m, "links", LINKS(links));
    return finish(&m);
}
