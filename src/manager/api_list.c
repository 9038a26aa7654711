#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strb.h"
#include "manager/api_json.h"
#include "manager/api_links.h"
#include "manager/members.h"
#include "pool/pool_code.h"
#include "pool/pool_health.h"

enum {
    HREF_MAX = API_JSON_HREF_MAX,
    ASKED_MAX = API_JSON_HREF_MAX + API_QUERY_TEXT_MAX + PICK_CURSOR_MAX + 16
};

/* ---- pieces ---- */

static void put_text_or_null(struct jtext *t, const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0')
        jtext_null(t, key);
    else
        jtext_str(t, key, text);
}

/* ---- a server ---- */

static bool is_default(const char *pool)
{
    return strcmp(pool, "default") == 0;
}

void api_json_servers_href(const char *pool, char *buf, size_t size)
{
    if (is_default(pool))
        (void)snprintf(buf, size, "/servers");
    else
        (void)snprintf(buf, size, "/pools/%s/servers", pool);
}

void api_json_server_href(const char *pool, const struct pool_server *server, char *buf,
                          size_t size)
{
    char list[HREF_MAX];
    struct strb b;

    api_json_servers_href(pool, list, sizeof(list));
    strb_init(&b, buf, size);
    if (server->is_tls) {
        char id[24];

        (void)pool_id_print(server->id, id);
        strb_addf(&b, "%s/%s", list, id);
        return;
    }
    strb_addf(&b, server->addr.family == AF_INET6 ? "%s/[%s]/%u" : "%s/%s/%u", list,
              server->host, (unsigned)server->addr.port);
}

/* Of https servers alone. */
static void put_tls(struct jtext *t, const struct api_json_server_view *v)
{
    if (!v->server->is_tls)
        return;
    jtext_open(t, "tls", '{');
    jtext_bool(t, "verify", v->is_verified);
    jtext_close(t, '}');
}

static void put_last(struct jtext *t, const struct check_result *last)
{
    char at[32];

    if (last == NULL) {
        jtext_null(t, "last_check");
        return;
    }
    (void)clock_print_wall(last->at_us, at);
    jtext_open(t, "last_check", '{');
    jtext_str(t, "at", at);
    jtext_bool(t, "ok", last->ok);
    if (last->status != 0)
        jtext_number(t, "status", last->status);
    else
        jtext_null(t, "status");
    jtext_number(t, "ms", last->took_ms);
    put_text_or_null(t, "error", last->error);
    jtext_close(t, '}');
}

static void put_meta(struct jtext *t, const struct pool_server *server)
{
    jtext_open(t, "meta", '{');
    for (unsigned i = 0; i < server->meta_n; i++)
        jtext_str(t, server->meta[i].key, server->meta[i].value);
    jtext_close(t, '}');
}

/* In a list. */
static void put_two_links(struct jtext *t, const struct api_json_server_view *v,
                          const char *base)
{
    char href[HREF_MAX];
    const struct api_link links[] = {{"self", href, "GET"}, {"delete", href, "DELETE"}};

    api_json_server_href(v->pool, v->server, href, sizeof(href));
    api_links_put(t, base, links, sizeof(links) / sizeof(links[0]));
}

static void put_all_links(struct jtext *t, const struct api_json_server_view *v,
                          const char *base)
{
    char pool[POOL_NAME_MAX + 8], id[24], events[48];
    char href[HREF_MAX], history[HREF_MAX + 16];
    char drain[HREF_MAX + 16], resume[HREF_MAX + 16], stop[HREF_MAX + 16];
    const struct api_link links[] = {
        {"self", href, "GET"},       {"delete", href, "DELETE"},    {"change", href, "PATCH"},
        {"drain", drain, "POST"},    {"maintenance", stop, "POST"}, {"resume", resume, "POST"},
        {"history", history, "GET"}, {"events", events, "GET"},     {"pool", pool, "GET"},
    };

    (void)pool_id_print(v->server->id, id);
    (void)snprintf(pool, sizeof(pool), "/pools/%s", v->pool);
    (void)snprintf(events, sizeof(events), "/events?server=%s", id);
    api_json_server_href(v->pool, v->server, href, sizeof(href));
    (void)snprintf(drain, sizeof(drain), "%s/drain", href);
    (void)snprintf(resume, sizeof(resume), "%s/resume", href);
    (void)snprintf(stop, sizeof(stop), "%s/maintenance", href);
    (void)snprintf(history, sizeof(history), "%s/history", href);
    api_links_put(t, base, links, sizeof(links) / sizeof(links[0]));
}

static void put_addr(struct jtext *t, const struct facts_addr *a)
{
    char text[ADDR_TEXT_MAX], since[32];

    (void)addr_print(&a->addr, text);
    (void)clock_print_wall(a->since_us, since);
    jtext_open(t, NULL, '{');
    jtext_str(t, "address", text);
    jtext_str(t, "state", server_state_word(facts_addr_state(a)));
    put_text_or_null(t, "reason", a->reason);
    jtext_str(t, "since", since);
    jtext_close(t, '}');
}

static void put_addrs(struct jtext *t, const struct facts_addrs *addrs)
{
    const struct facts_addr *a;

    jtext_open(t, "addresses", '[');
    if (addrs != NULL)
        TAILQ_FOREACH (a, addrs, entry)
            put_addr(t, a);
    jtext_close(t, ']');
}

static void put_view(struct jtext *t, const struct views_shown *shown)
{
    char id[MEMBERS_ID_TEXT], since[32];

    members_print_id(shown->node, id);
    (void)clock_print_wall(shown->since_us, since);
    jtext_open(t, NULL, '{');
    jtext_str(t, "node", id);
    jtext_bool(t, "is_self", shown->is_self);
    jtext_str(t, "state", shown->state);
    jtext_str(t, "since", since);
    jtext_close(t, '}');
}

/* Of a cluster alone. */
static void put_views(struct jtext *t, const struct api_json_server_view *v)
{
    if (v->view_n == 0)
        return;
    jtext_open(t, "views", '[');
    for (unsigned i = 0; i < v->view_n; i++)
        put_view(t, &v->views[i]);
    jtext_close(t, ']');
}

/* One server on its way into a text. */
struct shown {
    const struct api_json_server_view *v;
    const char *check; /* the effective settings as JSON */
    const char *base;  /* of links */
    bool is_alone;     /* a document, no item of a list: with all links */
};

static void put_id(struct jtext *t, const struct shown *s)
{
    char id[24];

    (void)pool_id_print(s->v->server->id, id);
    jtext_str(t, "id", id);
}

static void put_since(struct jtext *t, const struct shown *s)
{
    char since[32];

    (void)clock_print_wall(s->v->since_us, since);
    jtext_str(t, "since", since);
}

static void put_drain_left(struct jtext *t, const struct api_json_server_view *v)
{
    if (v->drain_left_ms != NULL)
        jtext_number(t, "drain_left_ms", *v->drain_left_ms);
    else
        jtext_null(t, "drain_left_ms");
}

static void put_links(struct jtext *t, const struct shown *s)
{
    if (s->is_alone)
        put_all_links(t, s->v, s->base);
    else
        put_two_links(t, s->v, s->base);
}

#define MEMBER(name, put)                                            \
    static void write_##name(struct jtext *t, const struct shown *s) \
    {                                                                \
        put;                                                         \
    }
#include "manager/api_server_members.def"
#undef MEMBER

static void (*const members[])(struct jtext *t, const struct shown *s) = {
#define MEMBER(name, put) write_##name,
#include "manager/api_server_members.def"
#undef MEMBER
};
enum { MEMBERS_N = sizeof(members) / sizeof(members[0]) };

/* picked: bits, 0: all. */
static void put_server(struct jtext *t, const struct shown *s, uint64_t picked)
{
    jtext_open(t, NULL, '{');
    for (unsigned i = 0; i < MEMBERS_N; i++)
        if (picked == 0 || (picked >> i & 1) != 0)
            members[i](t, s);
    jtext_close(t, '}');
}

char *api_json_server(const struct api_json_server_view *v, const char *base)
{
    char *check = api_json_check(v->check);
    struct jtext t;

    jtext_init(&t);
    put_server(&t, &(struct shown){v, check, base, true}, 0);
    free(check);
    return jtext_take(&t);
}

/* ---- lists ---- */

/* As an array, or (href given) in an object, as the member of that name. */
static void begin_list(struct api_json_list *l, const char *base, const char *key,
                       const char *href)
{
    *l = (struct api_json_list){.base = base, .is_object = href != NULL, .can_add = true};
    jtext_init(&l->text);
    if (l->is_object) {
        (void)snprintf(l->href, sizeof(l->href), "%s", href);
        jtext_open(&l->text, NULL, '{');
    }
    jtext_open(&l->text, key, '[');
}

/* The list's path with the question that was asked, from the cursor on. */
static void print_asked(const struct api_json_list *l, const char *cursor, char *buf,
                        size_t size)
{
    const char *question = l->question != NULL ? l->question : "";
    struct strb b;

    strb_init(&b, buf, size);
    strb_add_str(&b, l->href);
    if (question[0] != '\0')
        strb_addf(&b, "?%s", question);
    if (cursor != NULL && cursor[0] != '\0')
        strb_addf(&b, "%ccursor=%s", question[0] != '\0' ? '&' : '?', cursor);
}

static void put_list_links(struct api_json_list *l)
{
    char self[ASKED_MAX], next[ASKED_MAX];
    const struct api_link links[] = {
        {"self", self, "GET"},
        {l->next[0] != '\0' ? "next" : NULL, next, "GET"},
        {l->can_add ? "add" : NULL, l->href, "POST"},
        {l->more_rel, l->more_href, "GET"},
    };

    print_asked(l, l->cursor, self, sizeof(self));
    print_asked(l, l->next, next, sizeof(next));
    api_links_put(&l->text, l->base, links, sizeof(links) / sizeof(links[0]));
}

char *api_json_list_end(struct api_json_list *l)
{
    MUST(!l->has_ended); /* its text was taken */
    l->has_ended = true;
    jtext_close(&l->text, ']');
    if (l->mark != NULL)
        jtext_bool(&l->text, l->mark, l->is_marked);
    if (l->has_total)
        jtext_number(&l->text, "total", l->total);
    if (l->next[0] != '\0')
        jtext_str(&l->text, "next", l->next);
    if (l->is_object) {
        put_list_links(l);
        jtext_close(&l->text, '}');
    }
    free(l->check);
    return jtext_take(&l->text);
}

size_t api_json_list_bytes(const struct api_json_list *l)
{
    return l->text.len;
}

char *api_json_list_page(struct api_json_list *l)
{
    free(l->check); /* what it was made of is borrowed, and may be gone by then */
    l->check = NULL;
    return jtext_page(&l->text);
}

/* The original's shape: servers, then links. */
void api_json_servers_begin(struct api_json_list *l, const char *base, const char *href)
{
    begin_list(l, base, "servers", href);
}

void api_json_objects_begin(struct api_json_list *l, const char *base, const char *key,
                            const char *href)
{
    begin_list(l, base, key, href);
}

void api_json_objects_add(struct api_json_list *l, char *document)
{
    const size_t len = document != NULL ? strlen(document) : 0;

    if (len > 0 && document[len - 1] == '\n')
        document[len - 1] = '\0';
    jtext_json(&l->text, NULL, document);
    free(document);
}

/* The settings once for all servers in a row that share them: they are the larger half of the
 * work. */
static const char *get_check(struct api_json_list *l, const struct pool_health *check)
{
    if (l->check == NULL || !pool_health_is_equal(&l->made_of, check)) {
        free(l->check);
        l->check = api_json_check(check);
        l->made_of = *check;
    }
    return l->check;
}

void api_json_servers_add(struct api_json_list *l, const struct api_json_server_view *v)
{
    MUST(!l->has_ended); /* the array was closed */
    put_server(&l->text, &(struct shown){v, get_check(l, v->check), l->base, false},
               l->members);
}

void api_json_servers_total(struct api_json_list *l, uint64_t total)
{
    l->has_total = true;
    l->total = total;
}

void api_json_detail_begin(struct api_json_list *l)
{
    begin_list(l, "", NULL, NULL);
}

void api_json_detail_add(struct api_json_list *l, const struct api_json_server_view *v)
{
    struct jtext *t = &l->text;
    char id[24], port[8], since[32];
    struct strb b;

    (void)pool_id_print(v->server->id, id);
    (void)clock_print_wall(v->since_us, since);
    strb_init(&b, port, sizeof(port));
    strb_add_u64(&b, v->server->addr.port);
    jtext_open(t, NULL, '{');
    jtext_str(t, "id", id);
    jtext_str(t, "ip", v->server->host);
    jtext_str(t, "port", port);
    jtext_number(t, "success", v->success);
    jtext_number(t, "failed", v->failed);
    jtext_str(t, "state", v->state);
    jtext_str(t, "since", since);
    jtext_number(t, "in_flight", v->in_flight);
    jtext_str(t, "pool", v->pool);
    jtext_close(t, '}');
}

void api_json_workers_begin(struct api_json_list *l, const char *base, bool is_witness)
{
    begin_list(l, base, "workers", "/workers");
    l->mark = "is_witness";
    l->is_marked = is_witness;
    l->can_add = false;
    l->more_rel = "stats";
    l->more_href = "/stats";
}

void api_json_workers_add(struct api_json_list *l, const struct api_json_worker_view *v)
{
    struct jtext *t = &l->text;
    char digest[24];
    struct strb b;

    strb_init(&b, digest, sizeof(digest));
    strb_addf(&b, "%016" PRIx64, v->digest);
    jtext_open(t, NULL, '{');
    jtext_number(t, "id", v->id);
    if (v->pid != 0)
        jtext_number(t, "pid", (uint64_t)v->pid);
    else
        jtext_null(t, "pid");
    jtext_str(t, "state", v->state);
    jtext_number(t, "applied_index", v->applied_index);
    jtext_str(t, "digest", digest);
    jtext_number(t, "connections", v->connections);
    jtext_number(t, "in_flight", v->in_flight);
    jtext_number(t, "restarts", v->restarts);
    jtext_close(t, '}');
}
