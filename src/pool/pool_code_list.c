#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/strb.h"
#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"

/* All servers of a pool: of a PUT, and of a log entry. */

/* ---- reading ---- */

/* Of the check that GET has printed: what equals the pool's is no override. */
static int inherit_check(struct pool_command *one, const struct pool *p)
{
    struct pool_health *h = &one->server.health;
    uint32_t inherited = 0;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        struct pool_health mine = *h;
        struct pool_health pools = p->health; /* both borrowed */
        mine.set = pools.set = pool_health_fields[i].bit;
        if ((h->set & mine.set) != 0 && pool_health_is_equal(&mine, &pools))
            inherited |= mine.set;
    }
    const struct pool_health nothing = {0};
    return pool_health_merge(h, &nothing, inherited);
}

/* GET shows those too that have left the pool and still have requests. */
static bool has_left(const json_t *item)
{
    const char *state = json_string_value(json_object_get(item, "state"));
    const char *admin = json_string_value(json_object_get(item, "admin"));
    return state != NULL && admin != NULL && strcmp(state, "draining") == 0 &&
           strcmp(admin, pool_admin_word(POOL_ADMIN_ENABLED)) == 0;
}

static int refuse_item(struct reading *r, uint32_t i)
{
    char field[sizeof(r->error->field)];
    struct strb b;
    if (r->error == NULL)
        return WERR_INVALID;
    strb_init(&b, field, sizeof(field));
    strb_addf(&b, "servers[%u]%s", i, r->error->field[0] != '\0' ? "." : "");
    strb_add_cut(&b, span_from_str(r->error->field));
    memcpy(r->error->field, field, sizeof(field));
    return WERR_INVALID;
}

/* p: the pool of a PUT; NULL: of a log entry. */
static int read_item(struct reading *r, json_t *item, const struct pool *p)
{
    struct pool_command *c = r->c;
    struct pool_command one;
    struct reading of_one = {
        .c = &one, .error = r->error, .is_stored = p == NULL, .is_listed = p != NULL};
    if (!json_is_object(item))
        return code_refuse_value(r, "", "a server must be an object");
    pool_command_init(&one, POOL_ADD_SERVER);
    int rc = code_read_whole_server(&of_one, item);
    if (rc == 0 && p != NULL && json_object_get(item, "id") != NULL)
        rc = inherit_check(&one, p);
    if (rc == 0) {
        c->list[c->list_n++] = one.server;
        memset(&one.server, 0, sizeof(one.server));
    }
    pool_command_fini(&one);
    return rc;
}

static int read_items(struct reading *r, json_t *items, const struct pool *p)
{
    const size_t n = json_array_size(items);
    if (!json_is_array(items) || n > POOL_SERVERS_MAX || r->c->list != NULL)
        return code_refuse_value(r, "servers", "servers must be a list of at most 16384");
    r->c->list = fault_malloc((n + 1) * sizeof(struct pool_server));
    if (r->c->list == NULL)
        return WERR_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        json_t *item = json_array_get(items, i);
        if (has_left(item))
            continue;
        int rc = read_item(r, item, p);
        if (rc != 0)
            return rc == WERR_INVALID ? refuse_item(r, i) : rc;
    }
    return 0;
}

/* ---- of a log entry, one by one ---- */

/* As pool_code_payload_json writes it. No string holds it: its quotation marks would have
 * backslashes. */
#define LIST_BEGIN SPAN("\"set\":{\"servers\":[")
#define LIST_END   SPAN("]}}")

char *code_cut_list(struct span payload, struct span *rest)
{
    const struct span begin = LIST_BEGIN, end = LIST_END;
    const char *at =
        payload.len > 0 ? memmem(payload.ptr, payload.len, begin.ptr, begin.len) : NULL;
    *rest = SPAN_NONE;
    if (at == NULL)
        return NULL;
    const size_t n = (size_t)(at - payload.ptr) + begin.len;
    char *head = fault_malloc(n + end.len + 1);
    *rest = span_skip(payload, n);
    if (head == NULL)
        return NULL;
    memcpy(head, payload.ptr, n);
    memcpy(head + n, end.ptr, end.len + 1);
    return head;
}

int code_read_list(struct reading *r, json_t *object)
{
    const json_t *items = json_object_get(object, "servers");
    (void)r;
    return json_is_array(items) && json_array_size(items) == 0 && json_object_size(object) == 1
               ? 0
               : WERR_INVALID;
}

int code_make_list(struct pool_code_parts *parts)
{
    const size_t shortest = sizeof("{\"url\":\"http://a:1\"}") - 1;
    const size_t fit = parts->rest.len / shortest;
    parts->most = fit < POOL_SERVERS_MAX ? (uint32_t)fit : POOL_SERVERS_MAX;
    parts->c->list = fault_malloc((parts->most + 1U) * sizeof(struct pool_server));
    return parts->c->list != NULL ? 0 : WERR_NOMEM;
}

/* The comma between two is read with the second. */
static int read_next(struct pool_code_parts *parts)
{
    struct pool_command *c = parts->c;
    struct reading r = {.c = c, .is_stored = true};
    json_t *item = NULL;
    if (c->list_n == parts->most) /* shorter ones than are ever written */
        return WERR_CORRUPT;
    if (c->list_n > 0) {
        if (parts->rest.len == 0 || parts->rest.ptr[0] != ',')
            return WERR_CORRUPT;
        parts->rest = span_skip(parts->rest, 1);
    }
    int rc = code_cut_object(&parts->rest, &item);
    if (rc != 0)
        return rc;
    rc = read_item(&r, item, NULL);
    json_decref(item);
    return rc;
}

int pool_code_go_on(struct pool_code_parts *parts, uint32_t n)
{
    int rc = 0;
    for (; rc == 0 && n > 0 && !span_is_equal(parts->rest, LIST_END); n--)
        rc = read_next(parts);
    if (rc == 0)
        return span_is_equal(parts->rest, LIST_END) ? 0 : POOL_CODE_MORE;
    pool_command_fini(parts->c);
    return rc == WERR_NOMEM ? rc : WERR_CORRUPT;
}

/* The keys of the document that GET prints. */
static int check_keys(struct reading *r, json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "next") == 0)
            return code_refuse_value(r, key,
                                     "this is a page of a list, and a PUT means all servers");
        if (strcmp(key, "servers") != 0 && strcmp(key, "total") != 0 &&
            strcmp(key, "links") != 0)
            return code_refuse_key(r, "", key);
    }
    return json_object_get(object, "servers") != NULL ? 0 : code_refuse_missing(r, "servers");
}

int pool_code_set_servers_from_json(struct span body, const struct pool *p,
                                    struct pool_command *c, struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    json_t *object = NULL;
    int rc = code_parse(body, &object, error);
    if (rc != 0)
        return rc;
    pool_command_init(c, POOL_SET_SERVERS);
    MUST(span_to_str(span_from_str(p->name), c->pool, sizeof(c->pool)) == 0);
    rc = check_keys(&r, object);
    if (rc == 0)
        rc = read_items(&r, json_object_get(object, "servers"), p);
    json_decref(object);
    if (rc != 0)
        pool_command_fini(c);
    return rc;
}

/* ---- writing ---- */

void code_write_list(struct jtext *t, const char *key, const struct pool_command *c)
{
    jtext_open(t, key, '{');
    jtext_open(t, "servers", '[');
    for (uint32_t i = 0; i < c->list_n; i++)
        code_write_short_server(t, &c->list[i]);
    jtext_close(t, ']');
    jtext_close(t, '}');
}
