#include "manager/expiry.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "log/log.h"
#include "manager/manager.h"
#include "pool/certificate.h"

enum { US_PER_S = 1000000, DAY_S = 24 * 60 * 60 };

uint64_t expiry_wall_us(int64_t s)
{
    return s > 0 ? (uint64_t)s * US_PER_S : 0;
}

static int64_t seconds_left(const struct certificate *c, uint64_t wall_us)
{
    return c->facts.not_after_s - (int64_t)(wall_us / US_PER_S);
}

uint64_t expiry_days_left(const struct certificate *c, uint64_t wall_us)
{
    const int64_t left_s = seconds_left(c, wall_us);

    return left_s > 0 ? (uint64_t)left_s / DAY_S : 0;
}

bool expiry_tell(const struct certificate *c, uint64_t wall_us, char buf[EXPIRY_TEXT_MAX])
{
    const int64_t left_s = seconds_left(c, wall_us);
    const bool is_early = c->facts.not_before_s > (int64_t)(wall_us / US_PER_S);
    char at[32];

    (void)clock_print_wall(
        expiry_wall_us(is_early ? c->facts.not_before_s : c->facts.not_after_s), at);
    if (is_early)
        snprintf(buf, EXPIRY_TEXT_MAX, "it is not valid before %s", at);
    else if (left_s < 0)
        snprintf(buf, EXPIRY_TEXT_MAX, "it has expired: it was valid until %s", at);
    else if (left_s < (int64_t)EXPIRY_DAYS * DAY_S)
        snprintf(buf, EXPIRY_TEXT_MAX, "it expires in %" PRId64 " days, at %s", left_s / DAY_S,
                 at);
    else
        return false;
    return true;
}

void expiry_note(const struct expiry *e, const struct certificate *c)
{
    char text[EXPIRY_TEXT_MAX];

    if (expiry_tell(c, loop_wall_us(e->m->loop), text))
        log_warn("certificate needs to be looked at", LOG_S("certificate", c->name),
                 LOG_S("reason", text));
}

static void on_day(struct timer *t)
{
    struct expiry *e = (struct expiry *)((char *)t - offsetof(struct expiry, timer));
    const struct pool_state *s = e->m->pool;

    loop_timer_in(e->m->loop, t, EXPIRY_EVERY_MS);
    for (uint32_t i = 0; i < s->certificate_n; i++)
        expiry_note(e, s->certificates[i]);
}

void expiry_init(struct expiry *e, struct manager *m)
{
    e->m = m;
    timer_init(&e->timer, on_day);
    loop_timer_in(m->loop, &e->timer, EXPIRY_EVERY_MS);
    m->expiry = e;
}

void expiry_fini(struct expiry *e)
{
    if (e->m != NULL)
        timer_stop(loop_timers(e->m->loop), &e->timer);
}
