#include "worker/spread.h"

#include <stddef.h>

#include "net/loop.h"
#include "stats/stats.h"
#include "worker/worker.h"

enum { WINDOW_MS = 20, CHURN_LEAST_N = 16, CHURN_FACTOR = 2, CHURN_MARGIN_N = 8 };

unsigned spread_choose(const struct spread_seat *seats, unsigned n, bool is_churn)
{
    uint64_t own = seats[0].load;
    uint64_t sum = own, takers = 1;
    unsigned least = 0;

    for (unsigned i = 1; i < n; i++) {
        if (!seats[i].takes)
            continue;
        sum += seats[i].load;
        takers++;
        if (seats[i].load < seats[least].load)
            least = i;
    }
    if (own < seats[least].load + 2ULL) /* it would be the same with places changed */
        return 0;
    if (is_churn)
        return own > seats[least].load + CHURN_MARGIN_N && own * takers > sum * 2 ? least : 0;
    if (own * takers * 4 > sum * 5 || own >= 2 * (seats[least].load + 1ULL))
        return least;
    return 0;
}

static struct stats_share *share_of(const struct spread *s, unsigned id)
{
    return &stats_worker(s->stats, id)->share;
}

/* A connection may be counted as waiting and never come: the one who counted it was killed in
 * that moment, or it was lost for want of a descriptor. What has not moved in a whole window
 * while nothing is in the inbox is such. */
static void forget_lost(struct spread *s)
{
    struct stats_share *own = share_of(s, s->worker->id);
    uint32_t n = share_waiting(own);

    if (n > 0 && n == s->stuck_n && sock_inbox_is_empty(&s->inbox))
        share_forget_waiting(own);
    s->stuck_n = n;
}

/* Counts this accept. Connections that stay are never more than are open; when many more come
 * in a window than there are, each lives only for a fraction of it (Little's law). With few in
 * a window it is not worth asking. */
static bool is_churn(struct spread *s)
{
    uint64_t now_ms = loop_now_ms(s->worker->loop);
    uint64_t passed_ms = now_ms - s->window_ms;

    if (passed_ms >= WINDOW_MS) {
        s->last_n = passed_ms < 2ULL * WINDOW_MS ? s->window_n : 0;
        s->window_n = 0;
        s->window_ms = now_ms;
        forget_lost(s);
    }
    s->window_n++;
    unsigned n = s->window_n > s->last_n ? s->window_n : s->last_n;
    return n >= CHURN_LEAST_N && n / CHURN_FACTOR > s->worker->clients_slab.in_use;
}

/* Our seat, then the others; ids[i] is the worker of seat i. Returns how many. */
static unsigned look(struct spread *s, struct spread_seat *seats, unsigned *ids)
{
    unsigned others = s->worker_n - 1;
    unsigned n = 1;

    ids[0] = s->worker->id;
    seats[0].load = share_load(share_of(s, ids[0])) + 1;
    for (; n < SPREAD_LOOK_N && n <= others; n++) {
        ids[n] = (ids[0] + 1 + (s->from + n) % others) % s->worker_n;
        const struct stats_share *share = share_of(s, ids[n]);
        seats[n] = (struct spread_seat){share_load(share), share_takes(share)};
    }
    s->from = (s->from + n - 1) % others;
    return n;
}

bool spread_pass(struct spread *s, struct accepted *a, uint32_t socket_no)
{
    struct spread_seat seats[SPREAD_LOOK_N] = {0};
    unsigned ids[SPREAD_LOOK_N];

    if (s->worker_n < 2 || s->worker->draining)
        return false;
    unsigned to = spread_choose(seats, look(s, seats, ids), is_churn(s));
    if (to == 0)
        return false;
    /* Counted first, so that nobody else takes it for idle meanwhile. */
    share_add_waiting(share_of(s, ids[to]));
    if (accepted_pass(a, s->first_outbox + (int)ids[to], socket_no) == 0)
        return true;
    share_drop_waiting(share_of(s, ids[to]));
    return false;
}

void spread_tell(struct worker *w)
{
    share_set_open(&w->stats->share, w->clients_slab.in_use);
}
