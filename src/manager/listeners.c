#include "manager/listeners.h"

#include <sched.h>
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

/* Whoever holds the address may be about to let it go: a weldr that was told to end a moment
 * ago, or the workers of one that has died. */
static int open_patiently(const struct addr *at, struct addr *bound)
{
    static const struct timespec nap = {.tv_nsec = IN_USE_NAP_MS * 1000000L};
    int fd = listen_open(at, false, false, bound);

    for (unsigned ms = 0; fd == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        (void)nanosleep(&nap, NULL);
        fd = listen_open(at, false, false, bound);
    }
    return fd;
}

/* Is the port free for us alone? */
static int probe(const struct addr *at)
{
    struct addr bound;
    int fd;

    if (at->port == 0)
        return 0; /* the kernel gives none that is in use */
    fd = open_patiently(at, &bound);
    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

/* Socket i of every slot; the port that the first one got is everybody's. */
static int open_slots(struct manager *m, unsigned i, struct addr at, struct addr *bound)
{
    int fd = probe(&at);

    if (fd < 0)
        return fd;
    for (unsigned slot = 0; slot < m->worker_n; slot++) {
        fd = listen_open(&at, true, true, bound);
        if (fd < 0)
            return fd;
        m->supervisor.slots[slot].listeners[i] = fd;
        at.port = bound->port;
    }
    return 0;
}

void listeners_note_own(struct manager *m)
{
    for (unsigned i = 0; i < m->config->ip_n; i++)
        own_addresses_add(&m->own, &m->config->ip[i]);
    for (unsigned i = 0; i < m->config->admin_ip_n; i++)
        own_addresses_add(&m->own, &m->config->admin_ip[i]);
}

static int open_proxy(struct manager *m, unsigned i)
{
    struct addr at = m->config->ip[i];
    struct addr bound;
    int error = open_slots(m, i, at, &bound);

    if (error < 0 && m->config->ip_is_default && may_lack_ipv6(&at, error)) {
        at = (struct addr){.family = AF_INET, .port = at.port};
        error = open_slots(m, i, at, &bound);
    }
    if (error < 0)
        return fail_listen(&at, error);
    own_addresses_add(&m->own, &bound);
    tell("proxy listens", &bound);
    return 0;
}

int listeners_open_proxy(struct manager *m)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < m->config->ip_n; i++)
        code = open_proxy(m, i);
    return code;
}

static int open_api(struct manager *m, const struct addr *at)
{
    struct addr bound;
    const int fd = open_patiently(at, &bound);

    if (fd < 0 && m->config->admin_ip_is_default && may_lack_ipv6(at, fd))
        return 0;
    if (fd < 0)
        return fail_listen(at, fd);
    api_add_listener(&m->api, fd, &bound);
    own_addresses_add(&m->own, &bound);
    tell("management API listens", &bound);
    return 0;
}

int listeners_open_api(struct manager *m)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < m->config->admin_ip_n; i++)
        code = open_api(m, &m->config->admin_ip[i]);
    return code;
}

void listeners_stop_deferring(struct manager *m)
{
    for (unsigned slot = 0; slot < m->worker_n; slot++)
        for (unsigned i = 0; i < m->config->ip_n; i++)
            listen_stop_deferring(m->supervisor.slots[slot].listeners[i]);
}
