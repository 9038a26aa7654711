#include "base/ascii.h"
#include "route/route_int.h"

/* ---- host and path ---- */

/* "*.a.b": below a.b, at any depth. */
static bool host_is(struct span host, const char *wanted)
{
    struct span name = span_from_str(wanted);

    if (wanted[0] != '*')
        return span_is_equal(host, name);
    name = span_skip(name, 1);
    return host.len > name.len && span_is_equal(span_skip(host, host.len - name.len), name);
}

static bool path_begins(struct span path, const char *wanted)
{
    struct span prefix = span_from_str(wanted);

    if (!span_has_prefix(path, prefix))
        return false;
    return path.len == prefix.len || prefix.ptr[prefix.len - 1] == '/' ||
           path.ptr[prefix.len] == '/';
}

static bool is_one_host(const struct rule_texts *texts, struct span host)
{
    for (uint32_t i = 0; i < texts->n; i++)
        if (host_is(host, texts->at[i]))
            return true;
    return false;
}

static bool begins_with_one(const struct rule_texts *texts, struct span path)
{
    for (uint32_t i = 0; i < texts->n; i++)
        if (path_begins(path, texts->at[i]))
            return true;
    return false;
}

static bool is_one_text(const struct rule_texts *texts, struct span text)
{
    for (uint32_t i = 0; i < texts->n; i++)
        if (span_is_equal(text, span_from_str(texts->at[i])))
            return true;
    return false;
}

/* ---- fields ---- */

static bool value_is(const struct rule_pair *pair, struct span value)
{
    switch ((enum rule_pair_test)pair->test) {
    case RULE_PAIR_VALUE:
        return span_is_equal(value, span_from_str(pair->value));
    case RULE_PAIR_PREFIX:
        return span_has_prefix(value, span_from_str(pair->value));
    case RULE_PAIR_PRESENT:
        return true;
    }
    return false;
}

static bool has_field(const struct msg *m, const struct rule_pair *pair)
{
    struct span name = span_from_str(pair->name);

    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        if (f->name_len == name.len && span_is_equal_nocase(msg_field_name(m, f), name) &&
            value_is(pair, msg_field_value(m, f)))
            return true;
    }
    return false;
}

static bool has_one_field(const struct rule_pairs *pairs, const struct msg *m)
{
    for (uint32_t i = 0; m != NULL && i < pairs->n; i++)
        if (has_field(m, &pairs->at[i]))
            return true;
    return false;
}

/* ---- query ---- */

/* The next byte of a parameter, its escape undone. */
static char next_byte(struct span *rest)
{
    const int byte = ascii_unescape(rest->ptr, rest->len);
    char c = rest->ptr[0];

    if (byte >= 0)
        c = (char)byte;
    else if (c == '+')
        c = ' ';
    *rest = span_skip(*rest, byte >= 0 ? 3 : 1);
    return c;
}

static bool parameter_is(struct span text, const char *wanted)
{
    while (text.len > 0)
        if (*wanted == '\0' || next_byte(&text) != *wanted++)
            return false;
    return *wanted == '\0';
}

static bool has_parameter(struct span query, const struct rule_pair *pair)
{
    while (query.len > 0) {
        size_t end = span_find(query, '&');
        struct span item = span_first(query, end);
        size_t at = span_find(item, '=');
        struct span value = at < item.len ? span_skip(item, at + 1) : SPAN_NONE;
        if (parameter_is(span_first(item, at), pair->name) &&
            (pair->test == RULE_PAIR_PRESENT || parameter_is(value, pair->value)))
            return true;
        query = end < query.len ? span_skip(query, end + 1) : SPAN_NONE;
    }
    return false;
}

static bool has_one_parameter(const struct rule_pairs *pairs, struct span query)
{
    for (uint32_t i = 0; i < pairs->n; i++)
        if (has_parameter(query, &pairs->at[i]))
            return true;
    return false;
}

/* ---- the whole ---- */

static bool is_in_range(const struct rule_ranges *ranges, const struct addr *source)
{
    for (uint32_t i = 0; source != NULL && i < ranges->n; i++)
        if (cidr_has(&ranges->at[i], source))
            return true;
    return false;
}

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static bool all_hold(const struct rule_conditions *at, uint32_t n, const struct route_view *v)
{
    for (uint32_t i = 0; i < n; i++)
        if (route_conditions_fail(&at[i], v) != NULL)
            return false;
    return true;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static bool one_holds(const struct rule_conditions *at, uint32_t n, const struct route_view *v)
{
    for (uint32_t i = 0; i < n; i++)
        if (route_conditions_fail(&at[i], v) == NULL)
            return true;
    return false;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
const char *route_conditions_fail(const struct rule_conditions *c, const struct route_view *v)
{
    const struct route_request *r = v->request;

    if (c->hosts.n > 0 && !is_one_host(&c->hosts, v->host))
        return "host";
    if (c->paths.n > 0 && !is_one_text(&c->paths, v->path))
        return "path";
    if (c->path_prefixes.n > 0 && !begins_with_one(&c->path_prefixes, v->path))
        return "path_prefix";
    if (c->methods.n > 0 && !is_one_text(&c->methods, r->method))
        return "method";
    if (c->headers.n > 0 && !has_one_field(&c->headers, r->head))
        return "header";
    if (c->queries.n > 0 && !has_one_parameter(&c->queries, r->query))
        return "query";
    if (c->sources.n > 0 && !is_in_range(&c->sources, r->source))
        return "source";
    if (!all_hold(c->all, c->all_n, v))
        return "all";
    return c->any_n == 0 || one_holds(c->any, c->any_n, v) ? NULL : "any";
}
