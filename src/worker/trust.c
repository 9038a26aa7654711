#include "worker/trust.h"

#include "codec/proxy_protocol.h"
#include "log/log.h"
#include "worker/caller.h"
#include "worker/listener_runtime.h"
#include "worker/worker.h"

void trust_refuse(struct listener_runtime *l, const struct addr *peer, const char *why)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(peer, text);
    stats_add(l->worker->stats, STATS_proxy_refused, 1);
    stats_line_add(l->stats, STATS_LISTENER_refused, 1);
    log_debug("connection refused", LOG_S("peer", text), LOG_S("why", why));
}

int trust_default(struct worker *w, struct span trusted)
{
    return cidr_list_add(&w->trusted, trusted);
}

bool trust_may_send_header(struct listener_runtime *l, const struct addr *peer)
{
    bool may = l->names_trusted ? cidr_list_has(&l->trusted, peer) : addr_is_loopback(peer);

    if (!may)
        trust_refuse(l, peer, "not a trusted proxy");
    return may;
}

void trust_judge(struct caller *c)
{
    c->is_trusted =
        c->listener->names_trusted && cidr_list_has(&c->listener->trusted, &c->peer);
}

int64_t trust_take_header(struct caller *c, struct span in)
{
    struct proxy_header h;
    int64_t n = proxy_header_read(in, &h);

    if (n < 0)
        trust_refuse(c->listener, &c->peer, "no valid PROXY header");
    if (n <= 0)
        return n;
    if (h.client.family != 0) {
        if (caller_note_local(c, &h.local) < 0)
            return WERR_NOMEM;
        c->peer = h.client;
    }
    trust_judge(c);
    return n;
}
