#include "cluster/lease.h"

void lease_start(struct lease *l)
{
    l->n = 0;
}

static struct lease_ack *find(const struct lease *l, uint64_t id)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->acks[i].id == id)
            return (struct lease_ack *)&l->acks[i];
    }
    return NULL;
}

/* Of members that come and go the one with the oldest word gives way. */
static struct lease_ack *take(struct lease *l)
{
    struct lease_ack *oldest = &l->acks[0];

    if (l->n < ROSTER_MEMBERS_MAX)
        return &l->acks[l->n++];
    for (unsigned i = 1; i < l->n; i++) {
        if (l->acks[i].sent_ns < oldest->sent_ns)
            oldest = &l->acks[i];
    }
    return oldest;
}

void lease_note(struct lease *l, uint64_t id, uint64_t sent_ns)
{
    struct lease_ack *ack = find(l, id);

    if (ack != NULL && ack->sent_ns >= sent_ns)
        return;
    if (ack == NULL)
        ack = take(l);
    *ack = (struct lease_ack){id, sent_ns};
}

static uint64_t time_of(const struct lease *l, uint64_t id, uint64_t self, uint64_t now_ns)
{
    const struct lease_ack *ack = find(l, id);

    if (id == self)
        return now_ns;
    return ack != NULL ? ack->sent_ns : 0;
}

uint64_t lease_base(const struct lease *l, const uint64_t *voters, unsigned n, uint64_t self,
                    uint64_t now_ns)
{
    uint64_t base = 0;

    for (unsigned i = 0; i < n; i++) {
        const uint64_t at = time_of(l, voters[i], self, now_ns);
        unsigned newer = 0;

        for (unsigned k = 0; k < n; k++)
            newer += time_of(l, voters[k], self, now_ns) >= at;
        if (newer >= n / 2 + 1 && at > base)
            base = at;
    }
    return base;
}
