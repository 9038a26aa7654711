#include "manager/openapi_paths.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/strb.h"
#include "base/werr.h"
#include "http/reply.h"
#include "manager/openapi_objects.h"
#include "manager/openapi_problems.h"
#include "manager/openapi_type.h"

enum { TEXT_MAX = 160 };

static const struct route {
    const char *method, *pattern, *keys;
    const char *says;
    const char *takes; /* "Server url": an object and what it must have; "?": or nothing */
    const char *gives; /* "200 Server, 201 Servers|Server" */
} routes[] = {
#define ROUTE(method, pattern, handler, keys, says, takes, gives) \
    {method, pattern, keys, says, takes, gives},
#include "manager/api_routes.def"
#undef ROUTE
};
enum { ROUTE_N = sizeof(routes) / sizeof(routes[0]) };

static const struct key {
    const char *in, *name, *type, *says;
} keys[] = {
#define PATH                      "path"
#define QUERY                     "query"
#define KEY(in, name, type, says) {in, name, type, says},
#include "manager/api_keys.def"
#undef KEY
#undef QUERY
#undef PATH
};
enum { KEY_N = sizeof(keys) / sizeof(keys[0]) };

/* ---- what follows from a row ---- */

static bool is_read(const struct route *r)
{
    return strcmp(r->method, "GET") == 0;
}

static bool has_key(const struct route *r, struct span key)
{
    struct span rest = span_from_str(r->keys);

    while (rest.len > 0)
        if (span_is_equal(span_cut(&rest, ' '), key))
            return true;
    return false;
}

/* Load balancers may ask anything, without a token. */
static bool is_open_to_all(const struct route *r)
{
    return has_key(r, SPAN("*"));
}

static bool gives(const struct route *r, const char *what)
{
    return strstr(r->gives, what) != NULL;
}

/* Changes of the description; those of a node can't be waited for on others. */
static bool takes_preferences(const struct route *r)
{
    return !is_read(r) && has_key(r, SPAN("dry_run")) && strcmp(r->pattern, "/node") != 0;
}

static unsigned find_when(const struct route *r)
{
    unsigned when = OPENAPI_ANY;

    if (!is_open_to_all(r))
        when |= OPENAPI_GUARDED;
    if (strchr(r->pattern, ':') != NULL || r->takes[0] != '\0' || has_key(r, SPAN("listener")))
        when |= OPENAPI_NAMED;
    if (!is_read(r))
        when |= OPENAPI_CHANGE | OPENAPI_BODY;
    if (gives(r, "event-stream"))
        when |= OPENAPI_STREAM;
    if (has_key(r, SPAN("wait")))
        when |= OPENAPI_WAIT;
    return when;
}

/* ---- parameters ---- */

static const struct key *find_key(const char *in, struct span name)
{
    for (unsigned i = 0; i < KEY_N; i++)
        if (strcmp(keys[i].in, in) == 0 && span_is_equal(name, span_from_str(keys[i].name)))
            return &keys[i];
    return NULL;
}

/* A key that may stand there several times: "header+" is called header. */
static void put_parameter(struct jtext *t, const char *in, struct span word)
{
    const struct key *key = find_key(in, word);
    char name[TEXT_MAX];

    MUST(key != NULL); /* each has a row: tests/unit/manager/test_openapi.c */
    if (word.ptr[word.len - 1] == '+')
        word.len--;
    MUST(span_to_str(word, name, sizeof(name)) == 0);
    jtext_open(t, NULL, '{');
    jtext_str(t, "name", name);
    jtext_str(t, "in", in);
    if (strcmp(in, "path") == 0)
        jtext_bool(t, "required", true);
    jtext_str(t, "description", key->says);
    openapi_type_put(t, "schema", &(struct openapi_type){.text = span_from_str(key->type)});
    jtext_close(t, '}');
}

/* Those of all methods of a path. */
static void put_path_parameters(struct jtext *t, const char *pattern)
{
    struct span rest = span_from_str(pattern);

    if (strchr(pattern, ':') == NULL)
        return;
    jtext_open(t, "parameters", '[');
    while (rest.len > 0) {
        const struct span segment = span_cut(&rest, '/');

        if (segment.len > 0 && segment.ptr[0] == ':')
            put_parameter(t, "path", span_skip(segment, 1));
    }
    jtext_close(t, ']');
}

static void put_field_parameter(struct jtext *t, struct span name)
{
    jtext_open(t, NULL, '{');
    openapi_put_ref(t, NULL, "parameters", name);
    jtext_close(t, '}');
}

/* Whoever may ask anything is asked for none of these. */
static void put_field_parameters(struct jtext *t, const struct route *r)
{
    if (is_open_to_all(r))
        return;
    put_field_parameter(t, SPAN("IfMatch"));
    put_field_parameter(t, SPAN("IfNoneMatch"));
    if (takes_preferences(r))
        put_field_parameter(t, SPAN("Prefer"));
    if (gives(r, "event-stream"))
        put_field_parameter(t, SPAN("LastEventId"));
}

static void put_parameters(struct jtext *t, const struct route *r)
{
    struct span rest = span_from_str(r->keys);

    if (strcmp(r->keys, "*") == 0)
        return;
    jtext_open(t, "parameters", '[');
    while (rest.len > 0 && !span_is_equal(rest, SPAN("*")))
        put_parameter(t, "query", span_cut(&rest, ' '));
    put_field_parameters(t, r);
    jtext_close(t, ']');
}

/* ---- the body of a request ---- */

static void put_needs(struct jtext *t, struct span needs)
{
    char word[TEXT_MAX];

    jtext_open(t, NULL, '{');
    jtext_open(t, "required", '[');
    while (needs.len > 0) {
        MUST(span_to_str(span_cut(&needs, ' '), word, sizeof(word)) == 0);
        jtext_str(t, NULL, word);
    }
    jtext_close(t, ']');
    jtext_close(t, '}');
}

static void put_body_schema(struct jtext *t, const struct openapi_type *type, struct span needs)
{
    if (needs.len == 0) {
        openapi_type_put(t, "schema", type);
        return;
    }
    jtext_open(t, "schema", '{');
    jtext_open(t, "allOf", '[');
    openapi_type_put(t, NULL, type);
    put_needs(t, needs);
    jtext_close(t, ']');
    jtext_close(t, '}');
}

static void put_body(struct jtext *t, const struct route *r)
{
    const bool is_patch = strcmp(r->method, "PATCH") == 0;
    struct span rest = span_from_str(r->takes);

    if (rest.len == 0)
        return;
    const bool may_lack = rest.ptr[0] == '?';
    rest = span_skip(rest, may_lack);
    const struct openapi_type type = {.text = span_cut(&rest, ' '),
                                      .has_request = openapi_object_has_request};

    jtext_open(t, "requestBody", '{');
    jtext_bool(t, "required", !may_lack);
    jtext_open(t, "content", '{');
    jtext_open(t, is_patch ? "application/merge-patch+json" : "application/json", '{');
    put_body_schema(t, &type, rest);
    jtext_close(t, '}');
    if (is_patch) { /* the same: any JSON is a merge patch */
        jtext_open(t, "application/json", '{');
        put_body_schema(t, &type, rest);
        jtext_close(t, '}');
    }
    jtext_close(t, '}');
    jtext_close(t, '}');
}

/* ---- responses ---- */

static void put_headers(struct jtext *t, const struct route *r, unsigned status)
{
    jtext_open(t, "headers", '{');
    openapi_put_ref(t, "X-Weldr-Revision", "headers", SPAN("Revision"));
    if (status <= 202)
        openapi_put_ref(t, "ETag", "headers", SPAN("ETag"));
    if (status <= 204 && !is_read(r))
        openapi_put_ref(t, "Location", "headers", SPAN("Location"));
    if (takes_preferences(r)) {
        openapi_put_ref(t, "Preference-Applied", "headers", SPAN("Preference"));
        openapi_put_ref(t, "X-Weldr-Not-Applied", "headers", SPAN("NotApplied"));
    }
    if (status == 503)
        openapi_put_ref(t, "Retry-After", "headers", SPAN("RetryAfter"));
    jtext_close(t, '}');
}

/* Either of the objects; a dry run has its own. */
static void put_objects(struct jtext *t, struct span types, bool has_dry_run)
{
    jtext_open(t, "application/json", '{');
    if (memchr(types.ptr, '|', types.len) == NULL && !has_dry_run) {
        openapi_type_put(t, "schema", &(struct openapi_type){.text = types});
        jtext_close(t, '}');
        return;
    }
    jtext_open(t, "schema", '{');
    jtext_open(t, "anyOf", '[');
    while (types.len > 0)
        openapi_type_put(t, NULL, &(struct openapi_type){.text = span_cut(&types, '|')});
    if (has_dry_run)
        openapi_type_put(t, NULL, &(struct openapi_type){.text = SPAN("DryRun")});
    jtext_close(t, ']');
    jtext_close(t, '}');
    jtext_close(t, '}');
}

/* "#text/plain": no more is said of it than that it is text, or JSON of any kind. */
static void put_media(struct jtext *t, struct span type)
{
    char name[TEXT_MAX];

    MUST(span_to_str(type, name, sizeof(name)) == 0);
    jtext_open(t, name, '{');
    jtext_open(t, "schema", '{');
    jtext_str(t, "type", span_is_equal(type, SPAN("application/json")) ? "object" : "string");
    jtext_close(t, '}');
    jtext_close(t, '}');
}

static void put_content(struct jtext *t, struct span types, bool has_dry_run)
{
    const size_t media = span_find(types, '#');
    const struct span objects = span_first(types, media > 0 ? media - (media < types.len) : 0);
    struct span rest = span_skip(types, media);

    if (objects.len > 0)
        put_objects(t, objects, has_dry_run);
    while (rest.len > 0)
        put_media(t, span_skip(span_cut(&rest, '|'), 1));
}

static unsigned read_status(struct span item)
{
    unsigned status = 0;

    for (size_t i = 0; i < 3 && i < item.len; i++)
        status = status * 10 + (unsigned)(item.ptr[i] - '0');
    return status;
}

/* item: "200 Servers|Server". */
static void put_success(struct jtext *t, const struct route *r, struct span item)
{
    const unsigned status = read_status(item);
    const bool has_dry_run = status == 200 && has_key(r, SPAN("dry_run"));
    const struct span reason = reply_reason(status);
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%u", status);
    jtext_open(t, text, '{');
    MUST(span_to_str(reason, text, sizeof(text)) == 0);
    jtext_str(t, "description", text);
    put_headers(t, r, status);
    if (item.len > 3) {
        jtext_open(t, "content", '{');
        put_content(t, span_skip(item, 4), has_dry_run);
        if (status >= 400)
            openapi_problem_put_content(t, status);
        jtext_close(t, '}');
    }
    jtext_close(t, '}');
}

static bool gives_status(const struct route *r, unsigned status)
{
    struct span rest = span_from_str(r->gives), item;

    while (span_next_item(&rest, &item))
        if (read_status(item) == status)
            return true;
    return false;
}

static void put_responses(struct jtext *t, const struct route *r)
{
    struct span rest = span_from_str(r->gives), item;
    const unsigned when = find_when(r);

    jtext_open(t, "responses", '{');
    while (span_next_item(&rest, &item))
        put_success(t, r, item);
    if (is_read(r))
        openapi_put_ref(t, "304", "responses", SPAN("NotModified"));
    for (unsigned status = 0; (status = openapi_problem_next(status, when)) != 0;)
        if (!gives_status(r, status))
            openapi_problem_put_ref(t, status);
    jtext_close(t, '}');
}

/* ---- a method of a path ---- */

static char *lower(const char *text, char *buf)
{
    size_t n = 0;

    for (; text[n] != '\0'; n++)
        buf[n] = ascii_lower(text[n]);
    buf[n] = '\0';
    return buf;
}

/* "get_pools_pool_servers": unique, as method and path are. */
static void put_operation_id(struct jtext *t, const struct route *r)
{
    struct span rest = span_from_str(r->pattern + 1);
    char text[TEXT_MAX], method[TEXT_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, lower(r->method, method));
    while (rest.len > 0) {
        struct span segment = span_cut(&rest, '/');

        strb_add_char(&b, '_');
        strb_add(&b, span_skip(segment, segment.ptr[0] == ':'));
    }
    MUST(!strb_is_full(&b));
    for (size_t i = 0; i < b.len; i++)
        if (text[i] == '.')
            text[i] = '_';
    jtext_str(t, "operationId", text);
}

/* By the kind of object, or else the first segment of the path. */
static void put_tags(struct jtext *t, const struct route *r)
{
    static const char *const kinds[] = {"/servers", "/rules"};
    struct span tag = span_from_str(r->pattern + 1);
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strstr(r->pattern, kinds[i]) != NULL)
            tag = span_from_str(kinds[i] + 1);
    tag = tag.len > 0 ? span_cut(&tag, '/') : SPAN("root");
    MUST(span_to_str(tag, text, sizeof(text)) == 0);
    jtext_open(t, "tags", '[');
    jtext_str(t, NULL, text);
    jtext_close(t, ']');
}

static void put_route(struct jtext *t, const struct route *r)
{
    char method[TEXT_MAX];

    jtext_open(t, lower(r->method, method), '{');
    put_operation_id(t, r);
    put_tags(t, r);
    jtext_str(t, "summary", r->says);
    put_parameters(t, r);
    put_body(t, r);
    put_responses(t, r);
    if (is_open_to_all(r)) {
        jtext_open(t, "security", '[');
        jtext_close(t, ']');
    }
    jtext_close(t, '}');
}

/* "/pools/:pool" is "/pools/{pool}". */
static void print_path(const char *pattern, char *buf)
{
    struct span rest = span_from_str(pattern + 1);
    struct strb b;

    strb_init(&b, buf, TEXT_MAX);
    while (rest.len > 0) {
        const struct span segment = span_cut(&rest, '/');
        const bool is_named = segment.ptr[0] == ':';

        strb_add_str(&b, is_named ? "/{" : "/");
        strb_add(&b, span_skip(segment, is_named));
        strb_add_str(&b, is_named ? "}" : "");
    }
    if (b.len == 0)
        strb_add_char(&b, '/');
    MUST(!strb_is_full(&b));
}

bool openapi_paths_put(struct jtext *t, unsigned *at)
{
    const struct route *first = &routes[*at];
    char path[TEXT_MAX];

    if (*at >= ROUTE_N)
        return false;
    print_path(first->pattern, path);
    jtext_open(t, path, '{');
    put_path_parameters(t, first->pattern);
    for (; *at < ROUTE_N && strcmp(routes[*at].pattern, first->pattern) == 0; ++*at)
        put_route(t, &routes[*at]);
    jtext_close(t, '}');
    return true;
}
