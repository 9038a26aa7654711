#include "manager/own_address.h"

#include <ifaddrs.h>
#include <stdio.h>

#include "base/span.h"

void own_addresses_add(struct own_addresses *o, const struct addr *listener)
{
    if (listener->port == 0 || o->n == sizeof(o->at) / sizeof(o->at[0]))
        return;
    for (unsigned i = 0; i < o->n; i++)
        if (addr_is_equal(&o->at[i], listener))
            return;
    o->at[o->n++] = *listener;
}

/* ---- addresses of this machine ---- */

static bool is_same_ip(const struct addr *a, const struct addr *b)
{
    struct addr x = *a, y = *b;

    x.port = y.port = 0;
    return addr_is_equal(&x, &y);
}

static bool is_of_an_interface(const struct addr *a)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *i = all; i != NULL && !is_found; i = i->ifa_next) {
        struct addr at = {0};

        if (i->ifa_addr != NULL)
            addr_from_sockaddr(i->ifa_addr, &at);
        is_found = at.family != 0 && is_same_ip(&at, a);
    }
    freeifaddrs(all);
    return is_found;
}

static bool is_of_this_machine(const struct addr *a)
{
    return addr_is_loopback(a) || is_of_an_interface(a);
}

/* ---- ours ---- */

/* [::] takes IPv4 too, 0.0.0.0 only that. */
static bool takes_family(const struct addr *wildcard, const struct addr *a)
{
    return wildcard->family == AF_INET6 || a->family == AF_INET;
}

bool own_address_meets(const struct addr *listener, const struct addr *a)
{
    if (listener->port == 0 || listener->port != a->port)
        return false;
    return addr_is_equal(listener, a) ||
           (addr_is_wildcard(listener) && takes_family(listener, a) && is_of_this_machine(a));
}

static bool is_of_a_listener(const struct own_addresses *o, const struct addr *a)
{
    const struct listening *l;

    if (o->listenings == NULL)
        return false;
    TAILQ_FOREACH (l, &o->listenings->list, entry)
        if (own_address_meets(&l->bound, a))
            return true;
    return false;
}

bool own_address_is(const struct own_addresses *o, const struct addr *a)
{
    for (unsigned i = 0; i < o->n; i++)
        if (own_address_meets(&o->at[i], a))
            return true;
    return is_of_a_listener(o, a);
}

/* ---- servers ---- */

/* RFC 6761 section 6.3. */
static bool is_localhost(const char *host)
{
    struct span name = span_from_str(host);
    const struct span word = SPAN("localhost");

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len < word.len ||
        !span_is_equal_nocase(span_skip(name, name.len - word.len), word))
        return false;
    return name.len == word.len || name.ptr[name.len - word.len - 1] == '.';
}

static bool is_own_name(const struct own_addresses *o, const struct pool_server *server)
{
    struct addr v4 = {.family = AF_INET, .port = server->addr.port, .ip = {127, 0, 0, 1}};
    struct addr v6 = {.family = AF_INET6, .port = server->addr.port};

    v6.ip[15] = 1;
    return is_localhost(server->host) && (own_address_is(o, &v4) || own_address_is(o, &v6));
}

int own_address_check(const struct own_addresses *o, const struct pool_server *server,
                      struct pool_error *error)
{
    const bool is_named = server->addr.family == 0;

    if (is_named ? !is_own_name(o, server) : !own_address_is(o, &server->addr))
        return 0;
    *error = (struct pool_error){.code = "own_address", .field = "url"};
    snprintf(error->detail, sizeof(error->detail),
             "this Weldr listens at that address itself: requests would go in circles");
    return WERR_INVALID;
}
