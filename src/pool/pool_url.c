#include <stdlib.h>

#include "base/ascii.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/strb.h"
#include "pool/pool_command.h"
#include "pool/pool_mem.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 };

struct url_scheme {
    struct span word;
    uint16_t port; /* when none is given */
    bool is_tls;
};

/* What becomes of a URL on the way: cut into parts, none copied yet. */
struct url_parts {
    const struct url_scheme *scheme;
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

static const struct url_scheme schemes[] = {{{"http://", 7}, 80, false},
                                            {{"https://", 8}, 443, true}};

static const char *cut_scheme(struct span *rest, struct url_parts *parts)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const struct span word = schemes[i].word;

        if (!span_is_equal_nocase(span_first(*rest, word.len), word))
            continue;
        parts->scheme = &schemes[i];
        *rest = span_skip(*rest, word.len);
        return NULL;
    }
    return "url must start with http:// or https://";
}

static bool ends_authority(char c)
{
    return c == '/' || c == '?' || c == '#' || c == '\\' || c == '\0';
}

static const char *cut_authority(struct span rest, struct url_parts *parts)
{
    size_t end = 0;
    while (end < rest.len && !ends_authority(rest.ptr[end]))
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
    uint64_t n = parts->scheme->port;
    if (parts->has_port) {
        bool is_good = num_from_dec(parts->port, 65535, &n) == 0 && parts->port.ptr[0] != '0';
        if (!is_good)
            return "url has a bad port: it must be a number from 1 to 65535";
    }
    *port = (uint16_t)n;
    return NULL;
}

/* "app.internal." is absolute: no search domain is added to it. Weldr keeps the dot, since the
 * two names may have different addresses. */
static struct span cut_final_dot(struct span host)
{
    return host.len > 1 && host.ptr[host.len - 1] == '.' ? span_first(host, host.len - 1)
                                                         : host;
}

/* The last label tells: of digits only, or hexadecimal, it can't be a name (and "127.1",
 * "0177.0.0.1" or "0x7f000001", which mean different things to different readers, are neither).
 */
static bool is_numeric(struct span host)
{
    size_t start = host.len;
    size_t digits_n = 0;
    while (start > 0 && host.ptr[start - 1] != '.')
        start--;
    struct span label = span_skip(host, start);
    while (digits_n < label.len && label.ptr[digits_n] >= '0' && label.ptr[digits_n] <= '9')
        digits_n++;
    return (digits_n > 0 && digits_n == label.len) ||
           span_is_equal_nocase(span_first(label, 2), SPAN("0x"));
}

static bool is_name_character(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* Labels of 1 to 63 letters, digits, hyphens (not at an end) and underscores (which container
 * networks use), 253 bytes in all: RFC 1123 section 2.1. */
static bool is_name(struct span host)
{
    size_t label = 0;
    if (host.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= host.len; i++) {
        bool is_end = i == host.len || host.ptr[i] == '.';
        if (is_end) {
            if (i == label || i - label > LABEL_MAX_BYTES || host.ptr[label] == '-' ||
                host.ptr[i - 1] == '-')
                return false;
            label = i + 1;
        } else if (!is_name_character(host.ptr[i])) {
            return false;
        }
    }
    return true;
}

static const char *read_literal(const struct url_parts *parts, struct addr *addr)
{
    char text[ADDR_TEXT_MAX];
    if (addr_from_ip(parts->host, addr->port, addr) != 0)
        return parts->is_bracketed
                   ? "url has a bad IPv6 address"
                   : "url must have an IPv4 address of four plain decimal numbers";
    if (parts->is_bracketed != (span_find(parts->host, ':') < parts->host.len))
        return "url must have brackets around an IPv6 address and only there";
    size_t len = addr_print_ip(addr, text);
    if (!parts->is_bracketed && !span_is_equal(span_from(text, len), parts->host))
        return "url must have an IPv4 address of four plain decimal numbers";
    if (addr_is_wildcard(addr))
        return "url must not have the wildcard address as host";
    return NULL;
}

/* A name leaves the address without a family: each node looks it up for itself. */
static const char *read_host(const struct url_parts *parts, struct addr *addr)
{
    struct span name = cut_final_dot(parts->host);
    if (parts->is_bracketed || is_numeric(name))
        return read_literal(parts, addr);
    return is_name(name) ? NULL
                         : "url must have an IPv4 address, a bracketed IPv6 address or "
                           "a host name as host";
}

static const char *read_url(struct span url, struct url_parts *parts, struct addr *addr)
{
    const char *wrong = find_bad_character(url);
    if (wrong == NULL)
        wrong = cut_scheme(&url, parts);
    if (wrong == NULL)
        wrong = cut_authority(url, parts);
    if (wrong == NULL)
        wrong = cut_host(parts);
    if (wrong == NULL)
        wrong = read_port(parts, &addr->port);
    if (wrong == NULL)
        wrong = read_host(parts, addr);
    return wrong;
}

/* One spelling of each host: RFC 5952 for addresses, lower case for names. */
static void print_host(struct span host, const struct addr *addr, char *buf)
{
    if (addr->family != 0) {
        addr_print_ip(addr, buf);
        return;
    }
    for (size_t i = 0; i < host.len; i++)
        buf[i] = ascii_lower(host.ptr[i]);
    buf[host.len] = '\0';
}

static char *print_authority(struct span prefix, const char *host, const struct addr *addr,
                             bool is_port_shown)
{
    char authority[POOL_HOST_MAX + 24];
    struct strb b;
    const bool is_bracketed = addr->family == AF_INET6;
    strb_init(&b, authority, sizeof(authority));
    strb_add(&b, prefix);
    strb_add(&b, is_bracketed ? SPAN("[") : SPAN_NONE);
    strb_add_str(&b, host);
    strb_add(&b, is_bracketed ? SPAN("]") : SPAN_NONE);
    if (is_port_shown) {
        strb_add_char(&b, ':');
        strb_add_u64(&b, addr->port);
    }
    return pool_strdup(authority);
}

int pool_check_url(struct span url, struct pool_server *server, struct pool_error *error)
{
    struct addr addr = {0};
    struct url_parts parts = {.has_port = false};
    char host_text[POOL_HOST_MAX + 1];
    const char *wrong = read_url(url, &parts, &addr);
    if (wrong != NULL) {
        pool_error_set(error, "invalid_url", "url", "%s", wrong);
        return WERR_INVALID;
    }
    print_host(parts.host, &addr, host_text);
    char *canonical = print_authority(parts.scheme->word, host_text, &addr, true);
    char *host = pool_strdup(host_text);
    char *authority =
        print_authority(SPAN_NONE, host_text, &addr, addr.port != parts.scheme->port);
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
    server->is_tls = parts.scheme->is_tls;
    return 0;
}
