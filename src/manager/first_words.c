#include "manager/first_words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "manager/api.h"
#include "manager/manager.h"
#include "net/passed.h"

/* Their values stay out of the log: one may be a token under a wrong name. */
void first_words_warn(void)
{
    struct span name, meant;

    for (size_t at = 0; config_next_unknown(environ, &at, &name, &meant);)
        if (meant.ptr != NULL)
            log_warn("variable is not known", LOG_B("variable", name), LOG_B("nearest", meant));
        else
            log_warn("variable is not known", LOG_B("variable", name));
}

/* False: there is none that works as it stands: without a token, from this machine. */
static bool print_next(const struct manager *m, const struct api *api, char *buf, size_t size)
{
    const struct addr *bound = &api->listeners[0].bound;
    char at[ADDR_TEXT_MAX];

    if (m->pool->server_n > 0 || api->tls.context != NULL ||
        m->config->admin_token_is_required ||
        !(addr_is_loopback(bound) || addr_is_wildcard(bound)))
        return false;
    (void)addr_print(bound, at);
    if (addr_is_wildcard(bound) || strncmp(at, "127.0.0.1:", 10) == 0 ||
        strncmp(at, "[::1]:", 6) == 0)
        snprintf(at, sizeof(at), "localhost:%u", bound->port);
    snprintf(buf, size, "curl %s/servers -d '{\"url\":\"http://127.0.0.1:12345\"}'", at);
    return true;
}

static void tell_passed(void (*tell)(const struct passed *p, const char *address), bool all)
{
    const struct passed *p;
    char text[ADDR_TEXT_MAX];

    for (unsigned i = 0; (p = passed_at(i)) != NULL; i++) {
        if (!all && p->use != PASSED_FREE)
            continue;
        (void)addr_print(&p->bound, text);
        tell(p, text);
    }
}

static void tell_one(const struct passed *p, const char *address)
{
    log_info("a listening socket was passed", LOG_S("address", address),
             LOG_S("name", p->name));
}

static void tell_unused(const struct passed *p, const char *address)
{
    log_warn("a socket that was passed is not used yet: no listener has its address",
             LOG_S("address", address), LOG_S("name", p->name));
}

void first_words_passed(void)
{
    tell_passed(tell_one, true);
}

void first_words_ready(const struct manager *m, const struct api *api)
{
    char next[256];

    tell_passed(tell_unused, false);

    if (print_next(m, api, next, sizeof(next)))
        log_info("ready", LOG_U("workers", m->worker_n), LOG_U("servers", m->pool->server_n),
                 LOG_S("next", next));
    else
        log_info("ready", LOG_U("workers", m->worker_n), LOG_U("servers", m->pool->server_n));
}
