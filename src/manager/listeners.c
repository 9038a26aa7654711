#include "manager/listeners.h"

#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "manager/binding.h"
#include "manager/manager.h"

void listeners_note_own(struct manager *m)
{
    for (unsigned i = 0; i < m->config->ip_n; i++)
        own_addresses_add(&m->own, &m->config->ip[i]);
    for (unsigned i = 0; i < m->config->admin_ip_n; i++)
        own_addresses_add(&m->own, &m->config->admin_ip[i]);
    for (unsigned i = 0; i < m->config->metrics_ip_n; i++)
        own_addresses_add(&m->own, &m->config->metrics_ip[i]);
}

static bool is_proxy(const struct config *config, unsigned i)
{
    return (config->ip_proxy >> i & 1) != 0;
}

static bool is_tls(const struct config *config, unsigned i)
{
    return (config->ip_tls >> i & 1) != 0;
}

/* "default", with TLS "https"; where only some of those have ,proxy, for these "proxy" and
 * "https-proxy". */
static const char *base_name(const struct config *config, unsigned i)
{
    bool is_mixed = false;

    for (unsigned k = 0; k < config->ip_n; k++)
        is_mixed = is_mixed || (is_tls(config, k) == is_tls(config, i) && !is_proxy(config, k));
    if (is_mixed && is_proxy(config, i))
        return is_tls(config, i) ? "https-proxy" : "proxy";
    return is_tls(config, i) ? "https" : "default";
}

/* Whose address it is; what is too much for one listener goes to "default-2" and so on. */
static void name_listener(const struct config *config, unsigned i, char *buf, size_t size)
{
    const char *base = base_name(config, i);
    unsigned before = 0;

    for (unsigned k = 0; k < i; k++)
        before += base_name(config, k) == base;
    if (before < LISTENER_ADDRESSES_MAX)
        (void)snprintf(buf, size, "%s", base);
    else
        (void)snprintf(buf, size, "%s-%u", base, before / LISTENER_ADDRESSES_MAX + 1);
}

static int open_proxy(struct manager *m, unsigned i)
{
    struct addr at = m->config->ip[i];
    char name[POOL_NAME_MAX + 1];

    name_listener(m->config, i, name, sizeof(name));
    struct listening *l = listening_new(&m->supervisor.listenings, span_from_str(name), &at);
    if (l == NULL)
        return binding_fail(&at, WERR_NOMEM);
    l->is_of_flags = true;
    int rc = binding_bind(l, &at);
    if (rc < 0 && m->config->ip_is_default && binding_may_lack_ipv6(&at, rc)) {
        at = (struct addr){.family = AF_INET, .port = at.port};
        l->wanted = at;
        rc = binding_bind(l, &at);
    }
    if (rc < 0)
        return binding_fail(&at, rc);
    binding_tell("proxy listens", &l->bound);
    return 0;
}

int listeners_open_proxy(struct manager *m)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < m->config->ip_n; i++)
        code = open_proxy(m, i);
    return code;
}

/* The addresses that --ip gave to this listener, and what other flags say of clients. */
static void make_command(const struct manager *m, const char *name, unsigned i,
                         struct pool_command *c)
{
    const bool is_default = strcmp(name, "default") == 0;
    const struct listening *l;

    pool_command_init(c, is_default ? POOL_SET_LISTENER : POOL_ADD_LISTENER);
    MUST(span_to_str(span_from_str(name), c->listener, sizeof(c->listener)) == 0);
    c->set = POOL_SET_ADDRESSES | POOL_SET_PROXY_PROTOCOL | POOL_SET_TRUSTED;
    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        if (strcmp(l->listener, name) == 0) {
            MUST(c->wanted.address_n < LISTENER_ADDRESSES_MAX); /* name_listener counts them */
            c->wanted.addresses[c->wanted.address_n++] = l->wanted;
        }
    c->wanted.proxy_protocol = is_proxy(m->config, i);
    if (is_tls(m->config, i)) {
        c->set |= POOL_SET_PROTOCOL;
        c->wanted.protocol = LISTENER_HTTPS;
    }
    c->wanted.trusted = m->config->trusted_proxies;
    c->wanted.has_trusted = m->config->trusted_proxies.n > 0;
}

bool listeners_flag_command(const struct manager *m, unsigned i, struct pool_command *c)
{
    char name[POOL_NAME_MAX + 1], other[POOL_NAME_MAX + 1];

    name_listener(m->config, i, name, sizeof(name));
    for (unsigned k = 0; k < i; k++) {
        name_listener(m->config, k, other, sizeof(other));
        if (strcmp(name, other) == 0)
            return false;
    }
    const struct listener *l = listener_find(m->pool, span_from_str(name));
    if (l != NULL && l->address_n > 0)
        return false;
    make_command(m, name, i, c);
    return true;
}

void listeners_end_flags(struct manager *m)
{
    char name[POOL_NAME_MAX + 1];
    struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        l->is_of_flags = false;
    for (unsigned i = 0; i < m->config->ip_n; i++) {
        name_listener(m->config, i, name, sizeof(name));
        listeners_give_up(m, span_from_str(name));
    }
}
