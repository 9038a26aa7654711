#include "base/ascii.h"
#include "http/field.h"
#include "route/route_int.h"

/* ---- the parts of a head ---- */

/* The target behind the authority of an absolute one. */
static struct span skip_authority(struct span target)
{
    size_t at = span_find(target, ':');

    if ((target.len > 0 && target.ptr[0] == '/') || at + 3 > target.len ||
        memcmp(target.ptr + at, "://", 3) != 0)
        return target;
    target = span_skip(target, at + 3);
    for (at = 0; at < target.len && target.ptr[at] != '/' && target.ptr[at] != '?'; at++)
        ;
    return span_skip(target, at);
}

void route_request_init(struct route_request *r, const struct msg *head,
                        const struct addr *source)
{
    struct span target = skip_authority(msg_target(head));
    size_t at = span_find(target, '?');

    *r = (struct route_request){.head = head, .source = source, .method = msg_method(head)};
    r->host = head->authority.len > 0 ? head->authority : msg_value(head, FIELD_HOST);
    r->path = span_first(target, at);
    if (at < target.len)
        r->query = span_skip(target, at + 1);
    if (r->path.len == 0)
        r->path = SPAN("/");
}

/* ---- hosts ---- */

static size_t port_at(struct span host)
{
    for (size_t i = host.len; i > 0; i--) {
        if (host.ptr[i - 1] == ':')
            return i - 1;
        if (host.ptr[i - 1] < '0' || host.ptr[i - 1] > '9')
            break;
    }
    return host.len;
}

struct span route_host_without_port(struct span host)
{
    return span_first(host, port_at(host));
}

struct span route_host_port(struct span host)
{
    size_t at = port_at(host);

    return at < host.len ? span_skip(host, at + 1) : SPAN_NONE;
}

static struct span view_host(struct route_view *v, struct span host)
{
    host = route_host_without_port(host);
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len > ROUTE_HOST_MAX)
        return SPAN_NONE;
    for (size_t i = 0; i < host.len; i++)
        v->host_text[i] = ascii_lower(host.ptr[i]);
    return span_from(v->host_text, host.len);
}

void route_view_init(struct route_view *v, const struct route_request *r, char *path_buf)
{
    v->request = r;
    v->host = view_host(v, r->host);
    v->path = r->path.len <= ROUTE_PATH_MAX ? rule_path_normal(r->path, path_buf) : r->path;
}
