#include "manager/api_route.h"

#include "base/num.h"

/* RFC 9112 section 3.2.2: what stands before the path of an absolute-form target. */
static struct span cut_authority(struct span target)
{
    static const struct span scheme = {"http://", 7};

    if (!span_has_prefix(target, scheme))
        return target;
    target = span_skip(target, scheme.len);
    return span_skip(target, span_find(target, '/'));
}

static int decode(struct span in, char *buf, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        uint64_t c = (unsigned char)in.ptr[i];

        if (c == '%') {
            if (in.len - i < 3 || num_from_hex(span_from(in.ptr + i + 1, 2), 255, &c) < 0 ||
                c == 0)
                return WERR_SYNTAX;
            i += 2;
        }
        if (n == API_PATH_MAX)
            return WERR_TOO_BIG;
        buf[n++] = (char)c;
    }
    *len = n;
    return 0;
}

int api_route_normalize(struct span target, char *buf, struct span *path)
{
    static const struct span alias = {"/v1", 3};
    size_t len;

    target = cut_authority(target);
    target = span_first(target, span_find(target, '?'));
    if (target.len > 0 && target.ptr[0] != '/' && !span_is_equal(target, SPAN("*")))
        return WERR_SYNTAX;
    int rc = decode(target, buf, &len);
    if (rc < 0)
        return rc;
    *path = span_from(buf, len);
    if (span_has_prefix(*path, alias) && (path->len == alias.len || buf[alias.len] == '/'))
        *path = span_skip(*path, alias.len);
    if (path->len > 0 && path->ptr[path->len - 1] == '/')
        path->len--;
    return 0;
}

struct span api_route_query_nth(struct span target, struct span key, unsigned n)
{
    struct span rest = span_skip(target, span_find(target, '?'));

    while (rest.len > 0) {
        struct span pair, name;

        rest = span_skip(rest, 1); /* the '?' or '&' */
        pair = span_first(rest, span_find(rest, '&'));
        rest = span_skip(rest, pair.len);
        name = span_first(pair, span_find(pair, '='));
        if (span_is_equal(name, key) && n-- == 0)
            return span_skip(pair, name.len < pair.len ? name.len + 1 : name.len);
    }
    return SPAN_NONE;
}

struct span api_route_query(struct span target, struct span key)
{
    return api_route_query_nth(target, key, 0);
}

/* Takes the next segment off: "/a/b" gives "a" and leaves "/b". */
static struct span next_segment(struct span *rest)
{
    *rest = span_skip(*rest, 1);
    struct span segment = span_first(*rest, span_find(*rest, '/'));
    *rest = span_skip(*rest, segment.len);
    return segment;
}

static bool matches(struct span pattern, struct span path, struct api_match *match)
{
    match->param_n = 0;
    if (pattern.len == 1)
        return path.len == 0;
    while (pattern.len > 0 && path.len > 0) {
        const struct span want = next_segment(&pattern);
        const struct span have = next_segment(&path);

        if (want.ptr[0] == ':' && have.len > 0) {
            MUST(match->param_n < API_PARAMS_MAX);
            match->names[match->param_n] = span_skip(want, 1);
            match->params[match->param_n++] = have;
        } else if (!span_is_equal(want, have))
            return false;
    }
    return pattern.len == 0 && path.len == 0;
}

struct span api_match_param(const struct api_match *match, struct span name)
{
    for (unsigned i = 0; i < match->param_n; i++)
        if (span_is_equal(match->names[i], name))
            return match->params[i];
    return SPAN_NONE;
}

int api_route_find(const struct api_route *routes, unsigned n, struct span method,
                   struct span path, struct api_match *match)
{
    int rc = WERR_NOT_FOUND;

    if (span_is_equal(method, SPAN("HEAD")))
        method = SPAN("GET");
    for (unsigned i = 0; i < n; i++) {
        if (!matches(routes[i].pattern, path, match))
            continue;
        if (span_is_equal(routes[i].method, method)) {
            match->handler = routes[i].handler;
            match->keys = routes[i].keys;
            return 0;
        }
        rc = WERR_INVALID;
    }
    return rc;
}

static void add_method(struct span method, struct strb *out)
{
    strb_add(out, method);
    strb_add_str(out, span_is_equal(method, SPAN("GET")) ? ", HEAD, " : ", ");
}

static void end_methods(struct strb *out)
{
    if (out->len > 0)
        strb_add_str(out, "OPTIONS");
}

void api_route_allow(const struct api_route *routes, unsigned n, struct span path,
                     struct strb *out)
{
    struct api_match match;

    for (unsigned i = 0; i < n; i++) {
        if (!matches(routes[i].pattern, path, &match))
            continue;
        add_method(routes[i].method, out);
    }
    end_methods(out);
}

static bool is_repeated(const struct api_route *routes, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (span_is_equal(routes[k].method, routes[i].method))
            return true;
    return false;
}

void api_route_allow_any(const struct api_route *routes, unsigned n, struct strb *out)
{
    for (unsigned i = 0; i < n; i++)
        if (!is_repeated(routes, i))
            add_method(routes[i].method, out);
    end_methods(out);
}
