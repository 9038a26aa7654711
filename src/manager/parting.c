#include "manager/parting.h"

#include <stddef.h>

#include "base/fsm.h"
#include "log/log.h"

/* Of a worker that has not answered yet how many clients are left. */
#define UNTOLD UINT32_MAX

static const struct fsm_state phases[PARTING_PHASES] = {
#define PHASE(name, word, next) [PARTING_##name] = {word, next},
#include "manager/parting_phases.def"
#undef PHASE
};
static const struct fsm phase_fsm = {"parting", phases, PARTING_PHASES};

_Static_assert(PARTING_LAST_MS > PARTING_COMES_IN_MS, "something is left for LAST");

static uint64_t now_ms(const struct parting *p)
{
    return loop_now_ms(p->slots->loop);
}

static struct addr without_port(const struct addr *address)
{
    struct addr a = *address;

    a.port = 0;
    return a;
}

static struct parting_row *find(struct parting *p, const struct addr *address)
{
    const struct addr wanted = without_port(address);

    for (unsigned i = 0; i < PARTING_MAX; i++)
        if (p->rows[i].phase != PARTING_STAYS && addr_is_equal(&p->rows[i].address, &wanted))
            return &p->rows[i];
    return NULL;
}

static struct parting_row *find_free(struct parting *p)
{
    for (unsigned i = 0; i < PARTING_MAX; i++)
        if (p->rows[i].phase == PARTING_STAYS)
            return &p->rows[i];
    return NULL;
}

/* ---- who is left ---- */

static bool has_left(const struct parting_row *r)
{
    for (unsigned i = 0; i < r->owner->slots->n; i++)
        if (r->left[i] > 0)
            return false;
    return true;
}

static uint64_t count_left(const struct parting_row *r)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < r->owner->slots->n; i++)
        n += r->left[i] != UNTOLD ? r->left[i] : 0;
    return n;
}

static unsigned count_untold(const struct parting_row *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->owner->slots->n; i++)
        n += r->left[i] == UNTOLD ? 1 : 0;
    return n;
}

/* ---- phases ---- */

static void move(struct parting_row *r, enum parting_phase next, const char *why)
{
    char text[ADDR_TEXT_MAX];

    fsm_move(&phase_fsm, &r->phase, next, (uint64_t)(r - r->owner->rows), why);
    (void)addr_print_ip(&r->address, text);
    log_debug("an address parts", LOG_S("address", text),
              LOG_S("phase", fsm_name(&phase_fsm, next)), LOG_S("why", why),
              LOG_U("left", count_left(r)), LOG_U("workers_untold", count_untold(r)),
              LOG_U("after_ms", now_ms(r->owner) - r->since_ms));
}

static void in_ms(struct parting_row *r, uint64_t ms)
{
    loop_timer_in(r->owner->slots->loop, &r->timer, ms);
}

static enum frame_part_phase word_of(const struct parting_row *r)
{
    if (r->phase == PARTING_STAYS)
        return FRAME_PART_STAY;
    return r->phase == PARTING_LEAVING || r->phase == PARTING_SHUT ? FRAME_PART_LEAVING
                                                                   : FRAME_PART_SHUT;
}

static void send_word(const struct parting_row *r, struct slot *slot)
{
    const struct channel_note note = {0, true, false};
    const struct frame_part part = {.address = r->address,
                                    .number = r->number,
                                    .phase = word_of(r),
                                    .limit_ms = r->limit_ms};
    char buf[FRAME_FIXED_MAX];

    manager_channel_send(&slot->channel, note, span_from(buf, frame_put_part(buf, &part)),
                         SPAN_NONE);
}

static void send_to_all(struct parting_row *r)
{
    struct slots *slots = r->owner->slots;

    r->number = ++r->owner->last_number;
    for (unsigned i = 0; i < slots->n; i++) {
        const bool hears = slot_takes_updates(&slots->list[i]);

        r->left[i] = hears ? UNTOLD : 0;
        if (hears)
            send_word(r, &slots->list[i]);
    }
    loop_defer(slots->loop, &r->owner->work); /* there may be none to wait for */
}

/* Of all addresses that are shut, at all sockets. */
static void filter(struct parting *p)
{
    struct addr shut[PARTING_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < PARTING_MAX; i++)
        if (p->rows[i].phase >= PARTING_SHUT)
            shut[n++] = p->rows[i].address;
    listenings_keep_out(p->listenings, shut, n);
}

/* What the owner does may end this, and begin another. */
static void shut(struct parting_row *r, const char *why)
{
    const struct parting *p = r->owner;
    const struct addr address = r->address;

    move(r, PARTING_SHUT, why);
    r->shut_ms = now_ms(p);
    filter(r->owner);
    in_ms(r, PARTING_COMES_IN_MS);
    if (p->hooks.on_shut != NULL)
        p->hooks.on_shut(p->hooks.arg, &address);
}

static void ask_for_all(struct parting_row *r)
{
    move(r, PARTING_LAST, "came in");
    send_to_all(r);
    in_ms(r, PARTING_LAST_MS - PARTING_COMES_IN_MS);
}

static void finish(struct parting_row *r, const char *why)
{
    const struct addr address = r->address;
    char text[ADDR_TEXT_MAX];

    timer_stop(loop_timers(r->owner->slots->loop), &r->timer);
    move(r, PARTING_OVER, why);
    (void)addr_print_ip(&address, text);
    log_info("clients were sent away from an address that leaves", LOG_S("address", text),
             LOG_U("left", count_left(r)), LOG_U("workers_untold", count_untold(r)),
             LOG_U("leaving_ms", r->shut_ms - r->since_ms),
             LOG_U("shut_ms", now_ms(r->owner) - r->shut_ms));
    r->done(r->arg, &address);
}

static void look_at_leaving(struct parting_row *r)
{
    const uint64_t after_ms = now_ms(r->owner) - r->since_ms;

    if (after_ms >= r->limit_ms)
        shut(r, "time is over");
    else if (after_ms >= PARTING_SPEAK_MS && has_left(r))
        shut(r, "all have left");
    else if (after_ms >= PARTING_SPEAK_MS)
        in_ms(r, r->limit_ms - after_ms);
}

static bool is_shut(const struct parting_row *r)
{
    const struct parting_hooks *hooks = &r->owner->hooks;

    return hooks->is_shut == NULL || hooks->is_shut(hooks->arg) ||
           now_ms(r->owner) - r->shut_ms >= PARTING_LAST_MS;
}

static void on_time(struct timer *t)
{
    struct parting_row *r =
        (struct parting_row *)((char *)t - offsetof(struct parting_row, timer));

    MUST(r->phase == PARTING_LEAVING || r->phase == PARTING_SHUT || r->phase == PARTING_LAST);
    if (r->phase == PARTING_LEAVING)
        look_at_leaving(r);
    else if (r->phase == PARTING_SHUT && !is_shut(r))
        in_ms(r, PARTING_COMES_IN_MS);
    else if (r->phase == PARTING_SHUT)
        ask_for_all(r);
    else
        finish(r, "time is over");
}

static void review(struct loop_work *work)
{
    struct parting *p = (struct parting *)((char *)work - offsetof(struct parting, work));

    for (unsigned i = 0; i < PARTING_MAX; i++) {
        struct parting_row *r = &p->rows[i];

        if (r->phase == PARTING_LEAVING)
            look_at_leaving(r);
        else if (r->phase == PARTING_LAST && has_left(r))
            finish(r, "all have left");
    }
}

/* ---- what the owner wants ---- */

void parting_begin(struct parting *p, const struct addr *address, uint32_t limit_ms,
                   parting_fn done, void *arg)
{
    MUST(done != NULL && address->family != 0);
    parting_end(p, address);
    struct parting_row *r = find_free(p);

    MUST(r != NULL);
    r->address = without_port(address);
    r->since_ms = r->shut_ms = now_ms(p);
    r->limit_ms = limit_ms > PARTING_LAST_MS ? limit_ms - PARTING_LAST_MS : 0;
    r->done = done;
    r->arg = arg;
    move(r, PARTING_LEAVING, "told");
    listenings_stop_deferring(p->listenings);
    send_to_all(r);
    in_ms(r, r->limit_ms < PARTING_SPEAK_MS ? r->limit_ms : PARTING_SPEAK_MS);
}

void parting_end(struct parting *p, const struct addr *address)
{
    struct parting_row *r = find(p, address);

    if (r == NULL)
        return;
    const bool was_shut = r->phase >= PARTING_SHUT;

    timer_stop(loop_timers(p->slots->loop), &r->timer);
    move(r, PARTING_STAYS, "told");
    listenings_defer_again(p->listenings);
    send_to_all(r);
    if (was_shut)
        filter(p);
}

/* ---- what is heard of workers ---- */

void parting_heard(struct parting *p, const struct slot *slot, const struct frame_parted *said)
{
    struct parting_row *r = find(p, &said->address);

    MUST(slot->id < p->slots->n);
    if (r == NULL || r->number != said->number)
        return; /* the answer to a word of before */
    r->left[slot->id] = said->left_n;
    loop_defer(p->slots->loop, &p->work);
}

void parting_lost(struct parting *p, const struct slot *slot)
{
    MUST(slot->id < CONFIG_WORKERS_MAX);
    for (unsigned i = 0; i < PARTING_MAX; i++)
        p->rows[i].left[slot->id] = 0;
    loop_defer(p->slots->loop, &p->work);
}

/* One that is new has nobody who was there before: only at the end is it waited for. */
void parting_send_all(struct parting *p, struct slot *slot)
{
    for (unsigned i = 0; i < PARTING_MAX; i++) {
        struct parting_row *r = &p->rows[i];

        if (r->phase == PARTING_STAYS)
            continue;
        if (r->phase == PARTING_LAST)
            r->left[slot->id] = UNTOLD;
        send_word(r, slot);
    }
}

/* ---- life ---- */

void parting_init(struct parting *p, struct slots *slots, struct listenings *listenings)
{
    *p = (struct parting){.slots = slots, .listenings = listenings, .work = {.run = review}};
    for (unsigned i = 0; i < PARTING_MAX; i++) {
        p->rows[i].owner = p;
        timer_init(&p->rows[i].timer, on_time);
    }
}

void parting_fini(struct parting *p)
{
    loop_undefer(p->slots->loop, &p->work);
    for (unsigned i = 0; i < PARTING_MAX; i++)
        timer_stop(loop_timers(p->slots->loop), &p->rows[i].timer);
}
