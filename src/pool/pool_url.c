#include <stdlib.h>

#include "base/fault.h"
#include "base/num.h"
#include "base/strb.h"
#include "pool/pool_int.h"

/* What becomes of a URL on the way: cut into parts, none copied yet. */
struct url_parts {
    struct span authority;
    struct span host; /* without brackets */
    struct span port; /* empty: none given */
    bool is_bracketed, has_port;
};

/* Each step returns NULL or what is wrong. */

static const char *find_bad_character(struct span url)
{
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c >= 0x7f)
            return "url must not hold spaces, control characters or characters beyond ASCII";
    }
    return url.len > POOL_URL_MAX ? "url must be at most 300 bytes long" : NULL;
}

static const char *cut_scheme(struct span *rest)
{
    struct span http = SPAN("http://");
    struct span https = SPAN("https://");
    if (span_is_equal_nocase(span_first(*rest, https.len), https))
        return "url must start with http://: TLS to origins is not there yet";
    if (!span_is_equal_nocase(span_first(*rest, http.len), http))
        return "url must start with http://";
    *rest = span_skip(*rest, http.len);
    return NULL;
}

static const char *cut_authority(struct span rest, struct url_parts *parts)
{
    size_t end = 0;
    while (end < rest.len && strchr("/?#\\", rest.ptr[end]) == NULL)
        end++;
    parts->authority = span_first(rest, end);
    if (span_find(parts->authority, '@') < parts->authority.len)
        return "url must not have user information";
    struct span tail = span_skip(rest, end);
    if (tail.len == 0 || span_is_equal(tail, SPAN("/")))
        return NULL;
    if (span_find(tail, '#') < tail.len)
        return "url must not have a fragment";
    if (span_find(tail, '?') < tail.len)
        return "url must not have a query";
    return "url must not have a path";
}

static const char *cut_host(struct url_parts *parts)
{
    struct span a = parts->authority;
    size_t end = span_find(a, ':');
    parts->is_bracketed = a.len > 0 && a.ptr[0] == '[';
    if (parts->is_bracketed) {
        end = span_find(a, ']');
        if (end == a.len)
            return "url has an IPv6 address without a closing bracket";
        parts->host = span_from(a.ptr + 1, end - 1);
        end++;
    } else {
        parts->host = span_first(a, end);
    }
    if (parts->host.len == 0)
        return "url has no host";
    struct span rest = span_skip(a, end);
    parts->has_port = rest.len > 0;
    if (!parts->has_port)
        return NULL;
    if (rest.ptr[0] != ':')
        return "url has something between the address and its port";
    parts->port = span_skip(rest, 1);
    return NULL;
}

static const char *read_port(const struct url_parts *parts, uint16_t *port)
{
    uint64_t n = 80;
    if (parts->has_port) {
        bool is_good = num_from_dec(parts->port, 65535, &n) == 0 && parts->port.ptr[0] != '0';
        if (!is_good)
            return "url has a bad port: it must be a number from 1 to 65535";
    }
    *port = (uint16_t)n;
    return NULL;
}

/* Strict: the text of an IPv4 address must be what we would print ("127.1" and "0177.0.0.1"
 * mean different things to different readers). */
static const char *read_address(const struct url_parts *parts, struct addr *addr)
{
    uint16_t port = addr->port;
    if (addr_from_ip(parts->host, port, addr) != 0)
        return parts->is_bracketed
                   ? "url has a bad IPv6 address"
                   : "url must have an IPv4 address or a bracketed IPv6 address as "
                     "host: host names are not there yet";
    if (parts->is_bracketed != (span_find(parts->host, ':') < parts->host.len))
        return "url must have brackets around an IPv6 address and only there";
    char text[ADDR_TEXT_MAX];
    size_t len = addr_print_ip(addr, text);
    if (!parts->is_bracketed && !span_is_equal(span_from(text, len), parts->host))
        return "url must have an IPv4 address of four plain decimal numbers";
    if (addr_is_wildcard(addr))
        return "url must not have the wildcard address as host";
    return NULL;
}

static const char *read_url(struct span url, struct addr *addr)
{
    struct url_parts parts = {.has_port = false};
    const char *wrong = find_bad_character(url);
    if (wrong == NULL)
        wrong = cut_scheme(&url);
    if (wrong == NULL)
        wrong = cut_authority(url, &parts);
    if (wrong == NULL)
        wrong = cut_host(&parts);
    if (wrong == NULL)
        wrong = read_port(&parts, &addr->port);
    if (wrong == NULL)
        wrong = read_address(&parts, addr);
    return wrong;
}

static char *print_authority(const struct addr *addr, bool is_port_shown)
{
    char text[ADDR_TEXT_MAX];
    char authority[ADDR_TEXT_MAX + 8];
    struct strb b;
    strb_init(&b, authority, sizeof(authority));
    addr_print_ip(addr, text);
    strb_addf(&b, addr->family == AF_INET6 ? "[%s]" : "%s", text);
    if (is_port_shown)
        strb_addf(&b, ":%u", (unsigned)addr->port);
    return pool_strdup(authority);
}

static char *print_url(const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];
    char url[ADDR_TEXT_MAX + 8];
    struct strb b;
    strb_init(&b, url, sizeof(url));
    addr_print(addr, text);
    strb_addf(&b, "http://%s", text);
    return pool_strdup(url);
}

int pool_check_url(struct span url, struct pool_server *server, struct pool_error *error)
{
    struct addr addr = {0};
    const char *wrong = read_url(url, &addr);
    if (wrong != NULL) {
        pool_error_set(error, "invalid_url", "url", "%s", wrong);
        return WERR_INVALID;
    }
    char ip[ADDR_TEXT_MAX];
    addr_print_ip(&addr, ip);
    char *canonical = print_url(&addr);
    char *host = pool_strdup(ip);
    char *authority = print_authority(&addr, addr.port != 80);
    if (canonical == NULL || host == NULL || authority == NULL) {
        free(canonical);
        free(host);
        free(authority);
        return WERR_NOMEM;
    }
    free(server->url);
    free(server->host);
    free(server->authority);
    server->url = canonical;
    server->host = host;
    server->authority = authority;
    server->addr = addr;
    return 0;
}
