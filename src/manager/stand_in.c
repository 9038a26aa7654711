#include "manager/stand_in.h"

#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "net/inbox.h"
#include "net/listen.h"
#include "stats/stats.h"

enum { BATCH = 64, PAUSE_MS = 20 };

static struct stats_share *share_of(const struct slot *slot)
{
    return &stats_worker(slot->owner->stats, slot->id)->share;
}

/* ---- to whom ---- */

/* The one with the fewest clients of those that serve and that `tried` does not name. */
static struct slot *choose(const struct slots *s, const bool *tried)
{
    struct slot *best = NULL;

    for (unsigned i = 0; i < s->n; i++) {
        struct slot *slot = &s->list[i];

        if (tried[i] || !slot_serves(slot))
            continue;
        if (best == NULL || share_load(share_of(slot)) < share_load(share_of(best)))
            best = slot;
    }
    return best;
}

static bool pass_to(const struct slot *slot, const struct stand_in_door *d)
{
    share_add_waiting(share_of(slot));
    if (inbox_send(slot->outbox, d->held, d->held_tag, &d->held_peer) == 0)
        return true;
    share_drop_waiting(share_of(slot));
    return false;
}

/* The held connection goes to somebody; false: it stays. */
static bool pass(struct stand_in_door *d)
{
    bool tried[CONFIG_WORKERS_MAX] = {false};
    struct slot *slot;

    MUST(d->held >= 0);
    while ((slot = choose(d->place->owner->slots, tried)) != NULL) {
        if (pass_to(slot, d)) {
            (void)close(d->held);
            d->held = -1;
            return true;
        }
        tried[slot->id] = true;
    }
    return false;
}

/* ---- from where ---- */

static int take_from_listener(struct stand_in_door *d)
{
    d->held_tag = d->tag;
    d->held = listen_accept(d->fd, &d->held_peer);
    return d->held < 0 ? d->held : 0;
}

static int take_from_inbox(struct stand_in_door *d)
{
    int fd = -1;
    const int rc = inbox_receive(d->fd, &fd, &d->held_tag, &d->held_peer);

    if (rc == 0)
        share_drop_waiting(share_of(d->place->slot));
    d->held = rc == 0 ? fd : -1;
    return rc;
}

/* 0: the next connection is held; WERR_AGAIN …: there is none. What an inbox gives to a process
 * without a descriptor to spare is lost, so one is free whenever somebody looks. */
static int take(struct stand_in_door *d)
{
    struct slots *s = d->place->owner->slots;
    int rc;

    MUST(d->held < 0); /* the one before has gone to somebody */
    do {
        reserve_lend(&s->reserve, 1);
        rc = d->is_inbox ? take_from_inbox(d) : take_from_listener(d);
    } while (rc == WERR_RESET);
    return rc;
}

/* 0: there may be more. */
static int serve_one(struct stand_in_door *d)
{
    int rc = d->held < 0 ? take(d) : 0;

    if (rc == 0 && !pass(d))
        rc = WERR_CLOSED;
    return rc;
}

static void pause_door(struct stand_in_door *d)
{
    struct stand_in_place *p = d->place;

    loop_watch_set(&d->watch, false, false);
    if (!timer_is_set(&p->pause))
        loop_timer_in(p->owner->slots->loop, &p->pause, PAUSE_MS);
}

static void on_ready(struct loop_watch *w, bool can_read, bool can_write)
{
    struct stand_in_door *d = (struct stand_in_door *)w;
    int rc = 0;

    (void)can_read;
    (void)can_write;
    MUST(d->is_entered && d->place->is_on);
    for (unsigned i = 0; rc == 0 && i < BATCH; i++)
        rc = serve_one(d);
    slots_fill_reserve(d->place->owner->slots);
    if (rc < 0 && rc != WERR_AGAIN)
        pause_door(d);
}

static void on_pause_end(struct timer *t)
{
    struct stand_in_place *p =
        (struct stand_in_place *)((char *)t - offsetof(struct stand_in_place, pause));
    struct stand_in_door *d;

    MUST(p->is_on);
    TAILQ_FOREACH (d, &p->doors, entry)
        loop_watch_set(&d->watch, true, false);
}

/* ---- when ---- */

static void watch_door(struct stand_in_door *d)
{
    loop_watch_start(d->place->owner->slots->loop, &d->watch, d->fd);
    loop_watch_set(&d->watch, true, false);
}

static void begin(struct stand_in_place *p)
{
    const struct slot *slot = p->slot;
    struct stand_in_door *d;

    p->is_on = true;
    share_set_takes(share_of(slot), false);
    TAILQ_FOREACH (d, &p->doors, entry)
        watch_door(d);
    log_info("others serve for a worker", LOG_U("id", slot->id),
             LOG_S("state", slot_state_name(slot)));
}

static void end(struct stand_in_place *p)
{
    struct stand_in_door *d;

    if (!p->is_on)
        return;
    p->is_on = false;
    timer_stop(loop_timers(p->owner->slots->loop), &p->pause);
    TAILQ_FOREACH (d, &p->doors, entry)
        loop_watch_stop(&d->watch);
    if (slot_serves(p->slot))
        log_info("worker serves again", LOG_U("id", p->slot->id));
}

/* What nobody took goes to whoever serves at last, the slot's own worker too. */
static bool let_go(struct stand_in_place *p)
{
    struct stand_in_door *d;
    bool is_empty = true;

    TAILQ_FOREACH (d, &p->doors, entry)
        is_empty = (d->held < 0 || pass(d)) && is_empty;
    return is_empty;
}

/* All are about to serve. */
static bool is_first_start(const struct slot *slot)
{
    return slot->restarts == 0 && (slot->state == SLOT_STARTING || slot->state == SLOT_SYNCING);
}

void stand_in_review(struct stand_in *in)
{
    const struct slots *s = in->slots;
    const bool is_possible = s->n > 1 && !s->is_draining && slots_count_serving(s) > 0;

    for (unsigned i = 0; s->n > 1 && i < s->n; i++) {
        struct stand_in_place *p = &in->places[i];
        const bool is_wanted = is_possible && !slot_serves(p->slot) && !is_first_start(p->slot);

        if (is_wanted && !p->is_on)
            begin(p);
        else if (!is_wanted && let_go(p))
            end(p);
    }
}

/* As long as there is somebody to pass it to. */
static void empty_door(struct stand_in_door *d)
{
    const struct slots *s = d->place->owner->slots;

    while (s->n > 1 && slots_count_serving(s) > 0 && !slot_serves(d->place->slot) &&
           serve_one(d) == 0)
        ;
}

void stand_in_last(struct stand_in *in)
{
    for (unsigned i = 0; in->slots->n > 1 && i < in->slots->n; i++) {
        struct stand_in_door *d;

        TAILQ_FOREACH (d, &in->places[i].doors, entry)
            empty_door(d);
        end(&in->places[i]);
    }
}

/* ---- doors ---- */

void stand_in_door_init(struct stand_in_door *d, struct stand_in *in, unsigned id, uint32_t tag)
{
    MUST(id < in->slots->n);
    *d = (struct stand_in_door){.watch = {.on_ready = on_ready},
                                .place = &in->places[id],
                                .fd = -1,
                                .tag = tag,
                                .held = -1};
}

void stand_in_enter(struct stand_in_door *d)
{
    MUST(!d->is_entered && d->fd >= 0);
    d->is_entered = true;
    TAILQ_INSERT_TAIL(&d->place->doors, d, entry);
    if (d->place->is_on)
        watch_door(d);
}

void stand_in_leave(struct stand_in_door *d)
{
    if (!d->is_entered)
        return;
    MUST(d->fd >= 0); /* its owner closes it after this */
    empty_door(d);
    if (d->place->is_on)
        loop_watch_stop(&d->watch);
    d->is_entered = false;
    TAILQ_REMOVE(&d->place->doors, d, entry);
    if (d->held >= 0)
        (void)close(d->held);
    d->held = -1;
}

void stand_in_leave_inbox(struct stand_in *in, const struct slot *slot)
{
    if (in->places != NULL)
        stand_in_leave(&in->places[slot->id].inbox);
}

void stand_in_enter_inbox(struct stand_in *in, const struct slot *slot)
{
    struct stand_in_door *d = &in->places[slot->id].inbox;

    MUST(!d->is_entered && d->place->slot == slot);
    d->fd = slot->inbox;
    stand_in_enter(d);
}

/* ---- life ---- */

void stand_in_add(struct stand_in *in, struct slot *slot)
{
    struct stand_in_place *p = &in->places[slot->id];

    MUST(slot->id < in->slots->n && p->owner == NULL);
    p->owner = in;
    p->slot = slot;
    TAILQ_INIT(&p->doors);
    timer_init(&p->pause, on_pause_end);
    stand_in_door_init(&p->inbox, in, slot->id, 0);
    p->inbox.is_inbox = true;
    if (slot->inbox >= 0)
        stand_in_enter_inbox(in, slot);
}

int stand_in_init(struct stand_in *in, struct slots *slots)
{
    *in = (struct stand_in){.slots = slots};
    in->places = calloc(CONFIG_WORKERS_MAX, sizeof(in->places[0]));
    if (in->places == NULL)
        return WERR_NOMEM;
    for (unsigned i = 0; i < slots->n; i++)
        stand_in_add(in, &slots->list[i]);
    return 0;
}

void stand_in_fini(struct stand_in *in)
{
    for (unsigned i = 0; in->places != NULL && i < in->slots->n; i++) {
        end(&in->places[i]);
        stand_in_leave(&in->places[i].inbox);
        MUST(TAILQ_EMPTY(&in->places[i].doors));
    }
    free(in->places);
    in->places = NULL;
}
