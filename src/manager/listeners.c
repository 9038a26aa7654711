#include "manager/listeners.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"
#include "manager/holder.h"
#include "manager/manager.h"
#include "net/listen.h"

enum { IN_USE_WAIT_MS = 3000, IN_USE_NAP_MS = 50 };

unsigned listeners_worker_n(const struct config *config)
{
    cpu_set_t cpus;
    int n = 1;

    if (config->workers > 0)
        return config->workers;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        n = CPU_COUNT(&cpus);
    return n < 1 ? 1 : n > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX : (unsigned)n;
}

static void tell_failure(const char *address, uint16_t port, int error)
{
    struct holder h;

    if (error == WERR_ADDR_IN_USE && holder_find(port, &h))
        log_error("can't listen", LOG_S("address", address), LOG_S("error", werr_text(error)),
                  LOG_I("held_by_pid", h.pid), LOG_S("held_by", h.command),
                  LOG_S("process_state", h.state));
    else
        log_error("can't listen", LOG_S("address", address), LOG_S("error", werr_text(error)));
}

static int fail_listen(const struct addr *at, int error)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(at, text);
    tell_failure(text, at->port, error);
    if (error == WERR_NOMEM)
        return MANAGER_EXIT_FAILURE;
    return error == WERR_NO_FD ? MANAGER_EXIT_NO_FD : MANAGER_EXIT_ADDRESS;
}

/* A machine without IPv6 says so in several ways; these are the errors that mean something
 * else. */
static bool may_lack_ipv6(const struct addr *at, int error)
{
    return at->family == AF_INET6 && error != WERR_ADDR_IN_USE && error != WERR_DENIED &&
           error != WERR_NO_FD;
}

static void tell(const char *what, const struct addr *bound)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(bound, text);
    log_info(what, LOG_S("address", text));
}

static void nap(void)
{
    static const struct timespec time = {.tv_nsec = IN_USE_NAP_MS * 1000000L};

    (void)nanosleep(&time, NULL);
}

/* Whoever holds the address may be about to let it go: a weldr that was told to end a moment
 * ago, or the workers of one that has died. */
static int open_patiently(const struct addr *at, struct addr *bound)
{
    int fd = listen_open(at, false, false, bound);

    for (unsigned ms = 0; fd == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        nap();
        fd = listen_open(at, false, false, bound);
    }
    return fd;
}

static int bind_patiently(struct listening *l, const struct addr *at)
{
    int rc = listening_bind(l, at);

    for (unsigned ms = 0; rc == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        nap();
        rc = listening_bind(l, at);
    }
    return rc;
}

void listeners_note_own(struct manager *m)
{
    for (unsigned i = 0; i < m->config->ip_n; i++)
        own_addresses_add(&m->own, &m->config->ip[i]);
    for (unsigned i = 0; i < m->config->admin_ip_n; i++)
        own_addresses_add(&m->own, &m->config->admin_ip[i]);
    for (unsigned i = 0; i < m->config->metrics_ip_n; i++)
        own_addresses_add(&m->own, &m->config->metrics_ip[i]);
}

/* Whose address it is: "default", or, where only some have ,proxy, for those "proxy"; what is
 * too much for one listener goes to "default-2" and so on. */
static void name_listener(const struct config *config, unsigned i, char *buf, size_t size)
{
    const uint64_t all = config->ip_n < 64 ? (1ULL << config->ip_n) - 1 : UINT64_MAX;
    const bool is_mixed = config->ip_proxy != 0 && (config->ip_proxy & all) != all;
    const bool is_proxy = (config->ip_proxy >> i & 1) != 0;
    const char *base = is_mixed && is_proxy ? "proxy" : "default";
    unsigned before = 0;

    for (unsigned k = 0; k < i; k++)
        before += !is_mixed || (config->ip_proxy >> k & 1) == is_proxy;
    if (before < LISTENER_ADDRESSES_MAX)
        (void)snprintf(buf, size, "%s", base);
    else
        (void)snprintf(buf, size, "%s-%u", base, before / LISTENER_ADDRESSES_MAX + 1);
}

static int open_proxy(struct manager *m, unsigned i)
{
    struct addr at = m->config->ip[i];
    char name[POOL_NAME_MAX + 1];
    struct listening *l;
    int rc;

    name_listener(m->config, i, name, sizeof(name));
    l = listening_new(&m->supervisor, span_from_str(name), &at);
    if (l == NULL)
        return fail_listen(&at, WERR_NOMEM);
    l->is_of_flags = true;
    rc = bind_patiently(l, &at);
    if (rc < 0 && m->config->ip_is_default && may_lack_ipv6(&at, rc)) {
        at = (struct addr){.family = AF_INET, .port = at.port};
        l->wanted = at;
        rc = bind_patiently(l, &at);
    }
    if (rc < 0)
        return fail_listen(&at, rc);
    tell("proxy listens", &l->bound);
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
static void make_command(const struct manager *m, const char *name, bool is_proxy,
                         struct pool_command *c)
{
    const bool is_default = strcmp(name, "default") == 0;
    const struct listening *l;

    pool_command_init(c, is_default ? POOL_SET_LISTENER : POOL_ADD_LISTENER);
    MUST(span_to_str(span_from_str(name), c->listener, sizeof(c->listener)) == 0);
    c->set = POOL_SET_ADDRESSES | POOL_SET_PROXY_PROTOCOL | POOL_SET_TRUSTED;
    TAILQ_FOREACH (l, &m->supervisor.listenings, entry)
        if (strcmp(l->listener, name) == 0)
            c->wanted.addresses[c->wanted.address_n++] = l->wanted;
    c->wanted.proxy_protocol = is_proxy;
    c->wanted.trusted = m->config->trusted_proxies;
    c->wanted.has_trusted = m->config->trusted_proxies.n > 0;
}

bool listeners_flag_command(const struct manager *m, unsigned i, struct pool_command *c)
{
    const struct listener *l;
    char name[POOL_NAME_MAX + 1], other[POOL_NAME_MAX + 1];

    name_listener(m->config, i, name, sizeof(name));
    for (unsigned k = 0; k < i; k++) {
        name_listener(m->config, k, other, sizeof(other));
        if (strcmp(name, other) == 0)
            return false;
    }
    l = listener_find(m->pool, span_from_str(name));
    if (l != NULL && l->address_n > 0)
        return false;
    make_command(m, name, (m->config->ip_proxy >> i & 1) != 0, c);
    return true;
}

void listeners_end_flags(struct manager *m)
{
    char name[POOL_NAME_MAX + 1];
    struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings, entry)
        l->is_of_flags = false;
    for (unsigned i = 0; i < m->config->ip_n; i++) {
        name_listener(m->config, i, name, sizeof(name));
        listeners_give_up(m, span_from_str(name));
    }
}

static int open_api(struct manager *m, const struct addr *at, bool is_metrics)
{
    struct addr bound;
    const int fd = open_patiently(at, &bound);

    if (fd < 0 && !is_metrics && m->config->admin_ip_is_default && may_lack_ipv6(at, fd))
        return 0;
    if (fd < 0)
        return fail_listen(at, fd);
    api_add_listener(&m->api, fd, &bound, is_metrics);
    own_addresses_add(&m->own, &bound);
    tell(is_metrics ? "metrics are served" : "management API listens", &bound);
    return 0;
}

int listeners_open_api(struct manager *m)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < m->config->admin_ip_n; i++)
        code = open_api(m, &m->config->admin_ip[i], false);
    for (unsigned i = 0; code == 0 && i < m->config->metrics_ip_n; i++)
        code = open_api(m, &m->config->metrics_ip[i], true);
    return code;
}

void listeners_stop_deferring(struct manager *m)
{
    const struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings, entry)
        listening_stop_deferring(l);
}
