#include "manager/openapi.h"

#include "manager/openapi_objects.h"
#include "manager/openapi_paths.h"
#include "manager/openapi_problems.h"
#include "manager/openapi_type.h"

static void begin(struct jtext *t, const char *base, const char *version)
{
    jtext_init(t);
    jtext_open(t, NULL, '{');
    jtext_str(t, "openapi", "3.1.0");
    jtext_open(t, "info", '{');
    jtext_str(t, "title", "Weldr Management API");
    jtext_str(t, "version", version);
    jtext_open(t, "license", '{');
    jtext_str(t, "name", "MIT OR Apache-2.0");
    jtext_str(t, "identifier", "MIT OR Apache-2.0");
    jtext_close(t, '}');
    jtext_close(t, '}');
    jtext_open(t, "servers", '[');
    jtext_open(t, NULL, '{');
    jtext_str(t, "url", base[0] != '\0' ? base : "/");
    jtext_close(t, '}');
    jtext_close(t, ']');
    jtext_open(t, "paths", '{');
}

/* ---- what paths refer to, beside objects and problems ---- */

static const struct {
    const char *name, *type, *says;
} headers[] = {
    {"Revision", "count", "of the whole description; each change counts one"},
    {"ETag", "text", "what people decided of the resource; for If-Match and If-None-Match"},
    {"Location", "text", "path of what was added"},
    {"Preference", "text", "what of Prefer was obeyed: return=minimal, wait=applied"},
    {"NotApplied", "text",
     "ids of the members that are not known to have the change, with wait=applied"},
    {"RetryAfter", "count", "seconds"},
    {"Allow", "text", "the methods that the resource knows"},
    {"Authenticate", "=Bearer", "a token is asked for"},
};

static const struct {
    const char *name, *header, *says;
} parameters[] = {
    {"IfMatch", "If-Match", "ETags one of which the resource must have, or *"},
    {"IfNoneMatch", "If-None-Match", "ETags none of which the resource may have, or *"},
    {"Prefer", "Prefer",
     "return=minimal: a shorter response; wait=applied: it comes when the workers of all nodes "
     "in reach have the change"},
    {"LastEventId", "Last-Event-ID", "as since, of a stream that is opened again"},
};

#define ROW_N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void put_text_schema(struct jtext *t, const char *type)
{
    openapi_type_put(t, "schema", &(struct openapi_type){.text = span_from_str(type)});
}

static void put_headers(struct jtext *t)
{
    jtext_open(t, "headers", '{');
    for (size_t i = 0; i < ROW_N(headers); i++) {
        jtext_open(t, headers[i].name, '{');
        jtext_str(t, "description", headers[i].says);
        put_text_schema(t, headers[i].type);
        jtext_close(t, '}');
    }
    jtext_close(t, '}');
}

static void put_parameters(struct jtext *t)
{
    jtext_open(t, "parameters", '{');
    for (size_t i = 0; i < ROW_N(parameters); i++) {
        jtext_open(t, parameters[i].name, '{');
        jtext_str(t, "name", parameters[i].header);
        jtext_str(t, "in", "header");
        jtext_str(t, "description", parameters[i].says);
        put_text_schema(t, "text");
        jtext_close(t, '}');
    }
    jtext_close(t, '}');
}

/* The client has what it asks for (RFC 9110 section 15.4.5). */
static void put_not_modified(struct jtext *t)
{
    jtext_open(t, "NotModified", '{');
    jtext_str(t, "description", "the resource is what If-None-Match says");
    jtext_open(t, "headers", '{');
    openapi_put_ref(t, "X-Weldr-Revision", "headers", SPAN("Revision"));
    openapi_put_ref(t, "ETag", "headers", SPAN("ETag"));
    jtext_close(t, '}');
    jtext_close(t, '}');
}

static void put_responses(struct jtext *t)
{
    jtext_open(t, "responses", '{');
    put_not_modified(t);
    openapi_problems_put(t);
    jtext_close(t, '}');
}

static void put_security_schemes(struct jtext *t)
{
    jtext_open(t, "securitySchemes", '{');
    jtext_open(t, "bearer", '{');
    jtext_str(t, "type", "http");
    jtext_str(t, "scheme", "bearer");
    jtext_str(
        t, "description",
        "a token of --admin-token-file or --admin-tokens-file; callers on this machine need "
        "none, unless --admin-token-required says so");
    jtext_close(t, '}');
    jtext_close(t, '}');
}

/* Of all that says nothing else: no token, or one. */
static void put_security(struct jtext *t)
{
    jtext_open(t, "security", '[');
    jtext_open(t, NULL, '{');
    jtext_close(t, '}');
    jtext_open(t, NULL, '{');
    jtext_open(t, "bearer", '[');
    jtext_close(t, ']');
    jtext_close(t, '}');
    jtext_close(t, ']');
}

static void end_paths(struct jtext *t)
{
    jtext_close(t, '}');
    jtext_open(t, "components", '{');
    jtext_open(t, "schemas", '{');
}

static void end(struct jtext *t)
{
    jtext_close(t, '}');
    put_responses(t);
    put_parameters(t);
    put_headers(t);
    put_security_schemes(t);
    jtext_close(t, '}');
    put_security(t);
    jtext_close(t, '}');
}

static bool put_next(struct openapi_at *at)
{
    struct jtext *t = &at->text;

    if (openapi_paths_put(t, &at->path))
        return true;
    if (at->object == 0)
        end_paths(t);
    if (openapi_objects_put(t, &at->object))
        return true;
    end(t);
    return false;
}

char *openapi_page(struct openapi_at *at, const char *base, const char *version, size_t bytes,
                   bool *is_last)
{
    bool goes_on;

    if (at->path == 0)
        begin(&at->text, base, version);
    do {
        goes_on = put_next(at);
    } while (goes_on && at->text.len < bytes);
    *is_last = !goes_on || at->text.failed;
    return *is_last ? jtext_take(&at->text) : jtext_page(&at->text);
}
