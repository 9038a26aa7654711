#include "cluster/holding.h"

#include <string.h>

bool holding_set_fitness(struct holding *h, enum cluster_fitness fitness, const char *why)
{
    char text[VIP_WHY_MAX] = {0};
    const size_t n = why != NULL && fitness != CLUSTER_FIT ? strnlen(why, sizeof(text) - 1) : 0;

    if (n > 0)
        memcpy(text, why, n);
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7F)
            text[i] = '_';
    }
    if (h->fitness == fitness && memcmp(h->why, text, sizeof(text)) == 0)
        return false;
    h->fitness = (uint8_t)fitness;
    memcpy(h->why, text, sizeof(text));
    return true;
}

static struct holding_vip *find(const struct holding *h, const struct addr *address)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (addr_is_equal(&h->vips[i].address, address))
            return (struct holding_vip *)&h->vips[i];
    }
    return NULL;
}

/* The roster has a later assignment of it, or has forgotten this one. It may be behind, and
 * never ahead of what is agreed on. */
static bool is_superseded(const struct roster *roster, const struct addr *address,
                          uint64_t epoch)
{
    const struct roster_vip *at = roster_find_vip(roster, address);

    return at != NULL ? at->epoch > epoch : roster_next_epoch(roster, address) > epoch;
}

/* That it was let go need not be remembered when no grant of it is taken any more. */
static void drop_past(struct holding *h, const struct roster *roster, uint64_t now_ns)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++) {
        const struct holding_vip *v = &h->vips[i];

        if (v->end_ns > now_ns || !is_superseded(roster, &v->address, v->epoch))
            h->vips[n++] = *v;
    }
    h->n = n;
}

void holding_ask(struct holding *h, const struct roster *roster, uint64_t term, uint64_t now_ns,
                 struct vip_ask *out)
{
    *out = (struct vip_ask){.sequence = ++h->sequence,
                            .term = term,
                            .stamp_term = h->stamp_term,
                            .stamp_ns = h->stamp_ns,
                            .fitness = h->fitness};
    memcpy(out->why, h->why, sizeof(out->why));
    h->asks[h->sequence % HOLDING_ASKS_MAX] = (struct holding_ask){h->sequence, now_ns};
    drop_past(h, roster, now_ns);
    for (unsigned i = 0; i < h->n; i++) {
        if (h->vips[i].released_epoch != 0)
            out->released[out->released_n++] = (struct vip_claim){
                .address = h->vips[i].address, .epoch = h->vips[i].released_epoch};
    }
}

static struct holding_vip *take_vip(struct holding *h, const struct addr *address)
{
    struct holding_vip *v = find(h, address);

    if (v != NULL || h->n == ROSTER_VIPS_MAX)
        return v;
    v = &h->vips[h->n++];
    *v = (struct holding_vip){.address = *address};
    return v;
}

/* True: it had none until now, or it is to be parted with, or not any more. */
static bool grant(struct holding *h, const struct vip_claim *claim, uint64_t end_ns,
                  uint64_t now_ns)
{
    struct holding_vip *v = take_vip(h, &claim->address);

    if (v == NULL || claim->epoch <= v->released_epoch || claim->epoch < v->epoch)
        return false;
    const bool had = v->epoch == claim->epoch && v->end_ns > now_ns;
    if (!had || end_ns > v->end_ns)
        v->end_ns = end_ns;
    const bool is_news = !had || v->is_parting != claim->is_parting;
    v->epoch = claim->epoch;
    v->cause = claim->cause;
    v->is_parting = claim->is_parting;
    v->since_us = claim->since_us;
    return is_news && end_ns > now_ns;
}

static bool is_in(const struct vip_grant *m, const struct holding_vip *v)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->claims[i].epoch == v->epoch && addr_is_equal(&m->claims[i].address, &v->address))
            return true;
    }
    return false;
}

static bool take_all(struct holding *h, const struct roster *roster, const struct vip_grant *m,
                     uint64_t sent_ns, uint64_t now_ns)
{
    bool has_changed = false;

    for (unsigned i = 0; i < m->n; i++) {
        if (!is_superseded(roster, &m->claims[i].address, m->claims[i].epoch))
            has_changed |= grant(h, &m->claims[i], sent_ns + m->length_ns, now_ns);
    }
    for (unsigned i = 0; i < h->n; i++) {
        if (h->vips[i].end_ns == 0 || is_in(m, &h->vips[i]))
            continue;
        h->vips[i].end_ns = 0;
        has_changed = true;
    }
    return has_changed;
}

bool holding_take(struct holding *h, const struct roster *roster, const struct vip_grant *m,
                  uint64_t now_ns)
{
    struct holding_ask *ask = &h->asks[m->sequence % HOLDING_ASKS_MAX];

    if (m->sequence == 0 || ask->sequence != m->sequence)
        return false;
    const uint64_t sent_ns = ask->sent_ns;
    *ask = (struct holding_ask){0};
    h->stamp_term = m->term;
    h->stamp_ns = m->stamp_ns;
    memcpy(h->leader_digest, m->digest, sizeof(h->leader_digest));
    h->heard_ns = now_ns;
    return m->is_ready && take_all(h, roster, m, sent_ns, now_ns);
}

void holding_forget_asks(struct holding *h)
{
    memset(h->asks, 0, sizeof(h->asks));
}

bool holding_release(struct holding *h, const struct addr *address, uint64_t now_ns)
{
    struct holding_vip *v = find(h, address);

    if (v == NULL || v->epoch == 0 || v->released_epoch == v->epoch ||
        (v->end_ns != 0 && v->end_ns <= now_ns))
        return false;
    v->released_epoch = v->epoch;
    v->end_ns = 0;
    return true;
}

bool holding_drop_all(struct holding *h)
{
    bool did = false;

    holding_forget_asks(h);
    for (unsigned i = 0; i < h->n; i++) {
        did |= h->vips[i].end_ns != 0;
        h->vips[i].end_ns = 0;
    }
    return did;
}

const struct holding_vip *holding_find(const struct holding *h, const struct addr *address)
{
    return find(h, address);
}

uint64_t holding_end(const struct holding *h, const struct addr *address)
{
    const struct holding_vip *v = find(h, address);

    return v != NULL ? v->end_ns : 0;
}

uint64_t holding_next_end(const struct holding *h, uint64_t now_ns)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < h->n; i++) {
        if (h->vips[i].end_ns > now_ns && h->vips[i].end_ns < next)
            next = h->vips[i].end_ns;
    }
    return next;
}
