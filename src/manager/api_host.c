#include "manager/api_host.h"

#include "base/addr.h"
#include "base/num.h"

int api_host_split(struct span text, struct span *host, uint64_t *port)
{
    const bool is_bracketed = text.len > 0 && text.ptr[0] == '[';
    const size_t len = is_bracketed ? span_find(text, ']') + 1 : span_find(text, ':');

    *host = span_first(text, len);
    if (len >= text.len)
        return 0;
    const struct span rest = span_skip(text, len);
    if (rest.ptr[0] != ':' || num_from_dec(span_skip(rest, 1), UINT16_MAX, port) < 0)
        return WERR_SYNTAX;
    return 0;
}

/* A name may end in the dot of the root (RFC 1034 section 3.1). */
static struct span without_root(struct span name)
{
    return name.len > 1 && name.ptr[name.len - 1] == '.' ? span_first(name, name.len - 1)
                                                         : name;
}

bool api_host_is_named(const struct config *config, struct span host)
{
    for (unsigned i = 0; i < config->admin_host_n; i++) {
        const struct span known = without_root(span_from_str(config->admin_host[i]));

        if (span_is_equal_nocase(without_root(host), known))
            return true;
    }
    return false;
}

static bool is_known(const struct config *config, struct span text)
{
    struct span host;
    struct addr a;
    uint64_t port = 0;

    if (api_host_split(text, &host, &port) < 0)
        return false;
    return addr_from_ip(host, 0, &a) == 0 ||
           span_is_equal_nocase(without_root(host), SPAN("localhost")) ||
           api_host_is_named(config, host);
}

bool api_host_is_known(const struct config *config, const struct msg *m)
{
    const struct span host = msg_value(m, FIELD_HOST);

    return (m->authority.len == 0 || is_known(config, m->authority)) &&
           (host.ptr == NULL || is_known(config, host));
}

bool api_host_is_foreign_page(const struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        const struct span value = msg_field_value(m, f);

        if (span_is_equal_nocase(msg_field_name(m, f), SPAN("Sec-Fetch-Site")) &&
            !span_is_equal(value, SPAN("same-origin")) && !span_is_equal(value, SPAN("none")))
            return true;
    }
    return false;
}
