#include "worker/trust.h"

#include "base/fault.h"
#include "codec/proxy_protocol.h"
#include "log/log.h"
#include "worker/caller.h"
#include "worker/worker.h"

void trust_refuse(struct worker *w, const struct addr *peer, const char *why)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(peer, text);
    stats_add(w->stats, STATS_proxy_refused, 1);
    log_debug("connection refused", LOG_S("peer", text), LOG_S("why", why));
}

bool trust_may_send_header(struct worker *w, const struct addr *peer)
{
    bool may = w->trusted.n > 0 ? cidr_list_has(&w->trusted, peer) : addr_is_loopback(peer);

    if (!may)
        trust_refuse(w, peer, "not a trusted proxy");
    return may;
}

void trust_judge(const struct worker *w, struct caller *c)
{
    c->is_trusted = w->trusted.n == 0 || cidr_list_has(&w->trusted, &c->peer);
}

int64_t trust_take_header(struct worker *w, struct caller *c, struct span in)
{
    struct proxy_header h;
    int64_t n = proxy_header_read(in, &h);

    if (n < 0)
        trust_refuse(w, &c->peer, "no valid PROXY header");
    if (n <= 0)
        return n;
    if (h.client.family != 0) {
        c->local = fault_malloc(sizeof(*c->local));
        if (!c->local)
            return WERR_NOMEM;
        *c->local = h.local;
        c->peer = h.client;
    }
    trust_judge(w, c);
    return n;
}
