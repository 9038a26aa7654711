#include "route/route_int.h"

/* What a client sends may stand in a field only as far as it may stand in a URI. */
static void add_safe(struct strb *out, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL) {
            strb_add_char(out, (char)c);
            continue;
        }
        strb_add_char(out, '%');
        strb_add_char(out, digits[c >> 4]);
        strb_add_char(out, digits[c & 15]);
    }
}

struct parts {
    struct span host, port, path, query; /* of the request */
};

static bool add_placeholder(struct strb *out, struct span *rest, const char *name,
                            struct span value)
{
    if (!span_has_prefix(*rest, span_from_str(name)))
        return false;
    add_safe(out, value);
    *rest = span_skip(*rest, strlen(name));
    return true;
}

static void add_part(struct strb *out, const char *text, const struct parts *p)
{
    struct span rest = span_from_str(text);

    while (rest.len > 0) {
        if (add_placeholder(out, &rest, "{host}", p->host) ||
            add_placeholder(out, &rest, "{port}", p->port) ||
            add_placeholder(out, &rest, "{path}", p->path) ||
            add_placeholder(out, &rest, "{query}", p->query))
            continue;
        strb_add(out, span_first(rest, 1));
        rest = span_skip(rest, 1);
    }
}

static struct span default_port(bool secure)
{
    return secure ? SPAN("443") : SPAN("80");
}

/* The request's own port stays unless the scheme changes: then it is the new scheme's. */
static void add_port(struct strb *out, const struct rule_redirect *redirect,
                     const struct parts *p, bool changes_scheme, bool secure)
{
    char text[16];
    struct strb port;

    strb_init(&port, text, sizeof(text));
    if (redirect->port != NULL)
        add_part(&port, redirect->port, p);
    else if (!changes_scheme)
        add_safe(&port, p->port);
    if (port.len == 0 || span_is_equal(strb_span(&port), default_port(secure)))
        return;
    strb_add_char(out, ':');
    strb_add(out, strb_span(&port));
}

static void add_place(struct strb *out, const struct rule_redirect *redirect,
                      const struct parts *p, bool was_secure)
{
    bool secure =
        redirect->scheme != NULL ? strcmp(redirect->scheme, "https") == 0 : was_secure;

    strb_add(out, secure ? SPAN("https://") : SPAN("http://"));
    if (redirect->host != NULL)
        add_part(out, redirect->host, p);
    else
        add_safe(out, p->host);
    add_port(out, redirect, p, secure != was_secure, secure);
}

static void add_path(struct strb *out, const struct rule_redirect *redirect,
                     const struct parts *p)
{
    if (redirect->path != NULL) {
        add_part(out, redirect->path, p);
        return;
    }
    strb_add_char(out, '/');
    add_safe(out, p->path);
}

static void add_query(struct strb *out, const struct rule_redirect *redirect,
                      const struct parts *p)
{
    size_t was = out->len;

    strb_add_char(out, '?');
    if (redirect->query != NULL)
        add_part(out, redirect->query, p);
    else
        add_safe(out, p->query);
    if (out->len == was + 1 && !strb_is_full(out)) {
        out->len = was;
        out->buf[was] = '\0';
    }
}

int route_redirect(const struct rule_redirect *redirect, const struct route_request *r,
                   bool secure, struct strb *out)
{
    struct parts p = {.host = route_host_without_port(r->host),
                      .port = route_host_port(r->host),
                      .path = r->path,
                      .query = r->query};
    bool has_place =
        redirect->scheme != NULL || redirect->host != NULL || redirect->port != NULL;

    /* All of them: what begins with two would name a host. */
    while (p.path.len > 0 && p.path.ptr[0] == '/')
        p.path = span_skip(p.path, 1);
    if (has_place && redirect->host == NULL && p.host.len == 0)
        return WERR_NOT_FOUND;
    if (p.port.len == 0)
        p.port = default_port(secure);
    /* Without a host of its own or the request's the place is where the client asked. */
    if (has_place || p.host.len > 0)
        add_place(out, redirect, &p, secure);
    add_path(out, redirect, &p);
    add_query(out, redirect, &p);
    return strb_is_full(out) ? WERR_TOO_BIG : 0;
}
