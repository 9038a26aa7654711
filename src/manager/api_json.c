#include "manager/api_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strb.h"
#include "manager/api_links.h"
#include "pool/pool_code.h"

/* ---- pieces ---- */

/* Takes the document; its text with a newline. */
static char *print(json_t *root)
{
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *line = NULL;

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

char *api_json_check(const struct pool_health *check)
{
    json_t *root = embed(pool_code_health_json(check));
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;

    json_decref(root);
    return text;
}

static json_t *join(const char *base, const char *path)
{
    return json_sprintf("%s%s", base, path);
}

static json_t *make_link(const char *base, const struct api_link *link)
{
    struct maker m = make_object();

    set_text(&m, "rel", link->rel);
    set(&m, "href", join(base, link->href));
    set_text(&m, "method", link->method);
    return made(&m);
}

static json_t *make_links(const char *base, const struct api_link *rows, size_t n)
{
    json_t *links = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(links, make_link(base, &rows[i])) < 0) {
            json_decref(links);
            return NULL;
        }
    }
    return links;
}
#define LINKS(base, rows) make_links((base), (rows), sizeof(rows) / sizeof((rows)[0]))

static char *finish(struct maker *m)
{
    return print(made(m));
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

char *api_json_root(const char *version, const char *base)
{
    static const struct api_link links[] = {
        {"self", "/", "GET"},
        {"servers", "/servers", "GET"},
        {"pools", "/pools", "GET"},
        {"listeners", "/listeners", "GET"},
        {"certificates", "/certificates", "GET"},
        {"vips", "/vips", "GET"},
        {"explain", "/explain", "GET"},
        {"events", "/events", "GET"},
        {"history", "/history", "GET"},
        {"node", "/node", "GET"},
        {"cluster", "/cluster", "GET"},
        {"stats", "/stats", "GET"},
        {"stats_detail", "/stats/detail", "GET"},
        {"stats_samples", "/stats/samples", "GET"},
        {"metrics", "/metrics", "GET"},
        {"workers", "/workers", "GET"},
        {"health", "/health", "GET"},
        {"ready", "/ready", "GET"},
        {"openapi", "/openapi.json", "GET"},
        {"ui", "/ui", "GET"},
    };
    struct maker m = make_object();

    set_text(&m, "about", "Weldr Management API");
    set_text(&m, "version", version);
    set(&m, "links", LINKS(base, links));
    return finish(&m);
}

/* ---- objects of the description, and the node ---- */

static void set_id(struct maker *m, enum kind kind, uint64_t id)
{
    char text[24];

    (void)kind_id_print(kind, id, text);
    set_text(m, "id", text);
}

char *api_json_pool(const struct pool *p, uint64_t revision, const char *base)
{
    char self[API_JSON_HREF_MAX], servers[API_JSON_HREF_MAX];
    const struct api_link links[] = {
        {"self", self, "GET"},
        {"change", self, "PATCH"},
        {"servers", servers, "GET"},
    };
    json_t *root = embed(pool_code_pool_json(p));
    struct maker m = {root, root == NULL};

    (void)snprintf(self, sizeof(self), "/pools/%s", p->name);
    api_json_servers_href(p->name, servers, sizeof(servers));
    set_id(&m, KIND_POOL, p->id);
    set_number(&m, "servers", p->server_n);
    set_number(&m, "revision", revision);
    set(&m, "links", LINKS(base, links));
    return finish(&m);
}

static json_t *make_bound(const struct api_json_bound *b)
{
    struct maker m = make_object();
    char text[ADDR_TEXT_MAX];

    (void)addr_print(b->address, text);
    set_text(&m, "address", text);
    set_text(&m, "state", b->state);
    set(&m, "error", text_or_null(b->error));
    return made(&m);
}

static json_t *make_all_bound(const struct api_json_listener_view *v)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < v->bound_n; i++) {
        if (json_array_append_new(all, make_bound(&v->bound[i])) < 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

char *api_json_listener(const struct api_json_listener_view *v, const char *base)
{
    char self[API_JSON_HREF_MAX], rules[API_JSON_HREF_MAX];
    const struct api_link links[] = {
        {"self", self, "GET"},
        {"change", self, "PATCH"},
        {"rules", rules, "GET"},
    };
    json_t *root = embed(pool_code_listener_json(v->listener));
    struct maker m = {root, root == NULL};

    (void)snprintf(self, sizeof(self), "/listeners/%s", v->listener->name);
    (void)snprintf(rules, sizeof(rules), "/listeners/%s/rules", v->listener->name);
    set_id(&m, KIND_LISTENER, v->listener->id);
    set(&m, "bound", make_all_bound(v));
    set_number(&m, "rules", v->listener->rule_n);
    set_number(&m, "revision", v->revision);
    set(&m, "links", LINKS(base, links));
    return finish(&m);
}

char *api_json_rule(const struct listener *l, const struct rule *rule, uint64_t revision,
                    const char *base)
{
    char self[API_JSON_HREF_MAX], listener[API_JSON_HREF_MAX];
    const struct api_link links[] = {
        {"self", self, "GET"},
        {"change", self, "PATCH"},
        {"delete", self, "DELETE"},
        {"listener", listener, "GET"},
    };
    json_t *root = embed(pool_code_rule_json(rule));
    struct maker m = {root, root == NULL};

    (void)snprintf(listener, sizeof(listener), "/listeners/%s", l->name);
    (void)snprintf(self, sizeof(self), "/listeners/%s/rules/%u", l->name, rule->priority);
    set_id(&m, KIND_RULE, rule->id);
    set_text(&m, "listener", l->name);
    set_number(&m, "revision", revision);
    set(&m, "links", LINKS(base, links));
    return finish(&m);
}

char *api_json_removed(const char *path, const char *base)
{
    struct maker m = make_object();

    set(&m, "removed", join(base, path));
    return finish(&m);
}

char *api_json_node(char *settings, const char *base)
{
    static const struct api_link links[] = {{"self", "/node", "GET"},
                                            {"change", "/node", "PATCH"}};
    json_t *root = embed(settings);
    struct maker m = {root, root == NULL};

    set(&m, "links", LINKS(base, links));
    return finish(&m);
}

/* ---- a document that comes back ---- */

static int refuse_fixed(const struct api_json_fixed *row, const json_t *now,
                        struct pool_error *error)
{
    enum { SHOWN_MAX = 40 };
    char *text = json_dumps(now, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    if (text == NULL)
        return WERR_NOMEM;
    *error = (struct pool_error){.code = "read_only"};
    snprintf(error->field, sizeof(error->field), "%s", row->key);
    snprintf(error->detail, sizeof(error->detail), "%s is %.*s%s and can't be changed here: %s",
             row->key, SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "", row->why);
    free(text);
    return WERR_INVALID;
}

static int cut_fixed(json_t *body, const json_t *shown, const struct api_json_fixed_set *fixed,
                     struct pool_error *error)
{
    for (unsigned i = 0; i < fixed->n; i++) {
        const struct api_json_fixed *row = &fixed->rows[i];
        const json_t *wish = json_object_get(body, row->key);
        const json_t *now = json_object_get(shown, row->key);

        if (wish == NULL)
            continue;
        if (row->why != NULL && !json_equal(wish, now))
            return refuse_fixed(row, now, error);
        (void)json_object_del(body, row->key);
    }
    return 0;
}

/* What would change nothing; in groups (check, timeouts) member by member. */
static void cut_equal(json_t *body, const json_t *shown)
{
    const char *key;
    json_t *wish;
    void *next;

    json_object_foreach_safe(body, next, key, wish)
    {
        const json_t *now = json_object_get(shown, key);

        if (json_equal(wish, now))
            (void)json_object_del(body, key);
        else if (json_is_object(wish) && json_is_object(now))
            cut_equal(wish, now);
    }
}

static int cut_object(json_t *body, const json_t *shown, const struct api_json_fixed_set *fixed,
                      struct pool_error *error)
{
    const bool is_response = json_object_get(body, fixed->rows[0].key) != NULL;
    const int result = cut_fixed(body, shown, fixed, error);

    if (result == 0 && is_response && !fixed->is_whole)
        cut_equal(body, shown);
    return result;
}

bool api_json_has_fixed(struct span body, const struct api_json_fixed_set *fixed)
{
    json_t *wish =
        body.len > 0 ? json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool has = false;

    for (unsigned i = 0; i < fixed->n && !has; i++)
        has = json_object_get(wish, fixed->rows[i].key) != NULL;
    json_decref(wish);
    return has;
}

int api_json_cut_shown(struct span body, const char *shown,
                       const struct api_json_fixed_set *fixed, struct pool_error *error,
                       char **rest)
{
    json_t *now = json_loads(shown, 0, NULL);
    json_t *wish =
        body.len > 0 ? json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    int result = now != NULL ? 0 : WERR_NOMEM;

    *rest = NULL;
    if (result == 0 && json_is_object(wish)) {
        result = cut_object(wish, now, fixed, error);
        if (result == 0)
            *rest = json_dumps(wish, JSON_COMPACT);
        if (result == 0 && *rest == NULL)
            result = WERR_NOMEM;
    }
    json_decref(wish);
    json_decref(now);
    return result;
}

/* The body, when it is the response of a GET; NULL: it is not, and to be read as it is. */
static json_t *load_response(struct span body)
{
    json_t *root =
        body.len > 0 ? json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_string(json_object_get(root, "id")))
        return root;
    json_decref(root);
    return NULL;
}

/* Takes root; NULL: nothing is left to say. */
static int take_text(json_t *root, char **rest)
{
    *rest = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    const int rc = root == NULL || *rest != NULL ? 0 : WERR_NOMEM;

    json_decref(root);
    return rc;
}

int api_json_cut_told(struct span body, const struct api_json_fixed_set *fixed, char **rest)
{
    json_t *root = load_response(body);

    for (unsigned i = 0; root != NULL && i < fixed->n; i++)
        if (strcmp(fixed->rows[i].key, "name") != 0)
            (void)json_object_del(root, fixed->rows[i].key);
    return take_text(root, rest);
}

int api_json_cut_inherited(struct span body, const char *check, char **rest)
{
    json_t *root = load_response(body);
    json_t *pools = root != NULL ? json_loads(check, 0, NULL) : NULL;

    cut_equal(json_object_get(root, "check"), pools);
    json_decref(pools);
    return take_text(root, rest);
}

/* Takes value. */
static int give(struct span body, const char *key, json_t *value, struct pool_error *error,
                char **whole)
{
    json_t *root =
        body.len > 0 ? json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const struct api_json_fixed row = {key, "the path says it"};
    const json_t *said = json_object_get(root, key);
    int rc = value != NULL ? 0 : WERR_NOMEM;

    *whole = NULL;
    if (rc == 0 && said != NULL && !json_equal(said, value))
        rc = refuse_fixed(&row, value, error);
    if (rc == 0 && json_is_object(root)) {
        if (json_object_set(root, key, value) == 0)
            *whole = json_dumps(root, JSON_COMPACT);
        rc = *whole != NULL ? 0 : WERR_NOMEM;
    }
    json_decref(root);
    json_decref(value);
    return rc;
}

int api_json_give_text(struct span body, const char *key, const char *text,
                       struct pool_error *error, char **whole)
{
    return give(body, key, json_string(text), error, whole);
}

int api_json_give_number(struct span body, const char *key, uint64_t n,
                         struct pool_error *error, char **whole)
{
    return give(body, key, json_integer((json_int_t)n), error, whole);
}
