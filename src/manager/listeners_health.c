#include "manager/listeners_health.h"

#include "log/log.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "net/listen.h"
#include "pool/vip.h"

const char *listening_word(const struct listening *l)
{
    static const char *const words[LISTENING_STATES] = {[LISTENING_PENDING] = "pending",
                                                        [LISTENING_OPEN] = "open",
                                                        [LISTENING_FAILED] = "failed"};

    MUST(l->state < LISTENING_STATES);
    return l->is_lost ? "lost" : words[l->state];
}

const char *listening_reason(const struct listening *l)
{
    if (l->is_lost)
        return "this host has the address no more";
    if (l->state == LISTENING_PENDING)
        return "its change is under way";
    return l->error < 0 ? werr_text(l->error) : NULL;
}

/* ---- is it there ---- */

static void note(struct listening *l, bool is_lost)
{
    char text[ADDR_TEXT_MAX];

    if (l->is_lost == is_lost)
        return;
    l->is_lost = is_lost;
    (void)addr_print(&l->bound, text);
    if (is_lost)
        log_error("an address of a listener is lost", LOG_S("listener", l->listener),
                  LOG_S("address", text));
    else
        log_info("an address of a listener is back", LOG_S("listener", l->listener),
                 LOG_S("address", text));
}

void listeners_look(struct manager *m)
{
    const uint64_t now_ms = loop_now_ms(m->loop);
    struct listening *l;

    if (now_ms < m->listeners->looked_ms + LISTENERS_LOOK_MS)
        return;
    m->listeners->looked_ms = now_ms;
    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        note(l, l->state == LISTENING_OPEN && vip_find(m->pool, &l->bound) == NULL &&
                    !listen_has_address(&l->bound));
}

/* ---- which are missing ---- */

/* False: clients reach it. */
static bool judge(const struct listener *in, const struct addr *at, const struct listening *l,
                  struct listeners_missing *out)
{
    if (l != NULL && l->state == LISTENING_OPEN && !l->is_lost)
        return false;
    *out = (struct listeners_missing){.listener = in->name, .address = *at, .state = "failed"};
    if (l != NULL)
        out->state = listening_word(l);
    out->reason = l != NULL ? listening_reason(l) : werr_text(WERR_NOMEM);
    return true;
}

unsigned listeners_find_missing(const struct manager *m, struct listeners_missing *out,
                                unsigned max, unsigned *of)
{
    struct listeners_missing one;
    unsigned n = 0;

    *of = 0;
    for (uint32_t i = 0; i < m->pool->listener_n; i++) {
        const struct listener *in = m->pool->listeners[i];

        for (unsigned k = 0; k < in->address_n; k++, (*of)++) {
            const struct addr *at = &in->addresses[k];

            if (!judge(in, at,
                       listening_find(&m->supervisor.listenings, span_from_str(in->name), at),
                       &one))
                continue;
            if (n < max)
                out[n] = one;
            n++;
        }
    }
    return n;
}
