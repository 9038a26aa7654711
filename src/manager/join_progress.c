#include "manager/join_progress.h"

#include <inttypes.h>
#include <stddef.h>

#include "log/progress.h"
#include "manager/manager.h"
#include "manager/members.h"

/* False: the leader has not told it yet. */
static bool find_own_lag(const struct manager *m, uint64_t *lag)
{
    struct cluster_member list[MEMBERS_MAX];
    unsigned n = m->cluster->ops->members(m->cluster, list, MEMBERS_MAX);

    if (n > MEMBERS_MAX)
        n = MEMBERS_MAX;
    for (unsigned i = 0; i < n; i++)
        if (list[i].is_self && list[i].has_lag) {
            *lag = list[i].lag;
            return true;
        }
    return false;
}

static void tell(const struct manager *m)
{
    const uint64_t index = m->cluster != NULL ? m->cluster->ops->index(m->cluster) : 0;
    uint64_t lag = 0;

    if (m->cluster == NULL)
        progress_detail("its address is looked up");
    else if (index == 0)
        progress_detail("asking a member to take this node in");
    else if (find_own_lag(m, &lag))
        progress_detail("%" PRIu64 " changes taken over, %" PRIu64 " to come", index, lag);
    else
        progress_detail("%" PRIu64 " changes taken over", index);
}

static void on_timer(struct timer *t)
{
    struct join_progress *p =
        (struct join_progress *)((char *)t - offsetof(struct join_progress, timer));

    if (manager_is_leaving(p->m)) {
        join_progress_end(p);
        return;
    }
    tell(p->m);
    progress_tick();
    loop_timer_in(p->m->loop, t, PROGRESS_EVERY_MS);
}

void join_progress_init(struct join_progress *p, struct manager *m)
{
    *p = (struct join_progress){.m = m};
    timer_init(&p->timer, on_timer);
}

void join_progress_begin(struct join_progress *p)
{
    const struct config *c = p->m->config;

    progress_open(false);
    if (!progress_is_open())
        return;
    progress_begin(0, "joining the cluster at %s:%u", c->join_host, c->join_port);
    loop_timer_in(p->m->loop, &p->timer, PROGRESS_EVERY_MS);
}

void join_progress_end(struct join_progress *p)
{
    if (p->m->loop != NULL)
        timer_stop(loop_timers(p->m->loop), &p->timer);
    progress_close();
}
