#include "manager/api_auth.h"

#include "manager/api_host.h"

const struct token *api_auth_token(const struct api_auth *a, struct span authorization)
{
    static const struct span scheme = {"Bearer ", 7};

    if (!span_is_equal_nocase(span_first(authorization, scheme.len), scheme))
        return NULL;
    return tokens_find(&a->tokens, span_trim(span_skip(authorization, scheme.len)));
}

bool api_auth_needs_token(const struct api_auth *a, const struct addr *peer)
{
    return peer->family != 0 && (a->is_required || !addr_is_loopback(peer));
}

bool api_auth_is_of_this_machine(const struct addr *peer)
{
    return peer->family == 0 || addr_is_loopback(peer);
}

bool api_auth_may(const struct token *token, struct span method)
{
    return token == NULL || token->role == TOKEN_ADMIN || span_is_equal(method, SPAN("GET")) ||
           span_is_equal(method, SPAN("HEAD"));
}

/* ---- the origin ---- */

/* "localhost", an address that is a loopback one or ours, or a name of --admin-host. */
static bool is_own_host(const struct config *config, struct span host, const struct addr *local)
{
    struct addr a;

    if (span_is_equal_nocase(host, SPAN("localhost")) || api_host_is_named(config, host))
        return true;
    if (addr_from_ip(host, local->port, &a) < 0)
        return false;
    return addr_is_loopback(&a) || addr_is_equal(&a, local);
}

bool api_auth_is_own_origin(const struct config *config, struct span origin,
                            const struct addr *local)
{
    const bool is_tls = config->admin_certificate != NULL;
    const struct span scheme = is_tls ? SPAN("https://") : SPAN("http://");
    uint64_t port = is_tls ? 443 : 80;
    struct span host;

    if (!span_has_prefix(origin, scheme) ||
        api_host_split(span_skip(origin, scheme.len), &host, &port) < 0)
        return false;
    return port == local->port && is_own_host(config, host, local);
}
