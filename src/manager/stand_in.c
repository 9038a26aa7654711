#include "manager/stand_in.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "log/log.h"
#include "manager/supervisor.h"
#include "net/inbox.h"
#include "net/listen.h"
#include "stats/stats.h"

enum { BATCH = 64, PAUSE_MS = 20 };

static struct stats_share *share_of(const struct slot *slot)
{
    return &stats_worker(slot->owner->stats, slot->id)->share;
}

static unsigned door_n(const struct supervisor *s)
{
    return s->listener_n + 1;
}

static bool is_inbox(const struct stand_in_door *d)
{
    return d->listener == d->slot->owner->listener_n;
}

/* ---- to whom ---- */

/* The one with the fewest clients of those that serve and that `tried` does not name. */
static struct slot *choose(const struct supervisor *s, const bool *tried)
{
    struct slot *best = NULL;

    for (unsigned i = 0; i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];

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

    while ((slot = choose(d->slot->owner, tried)) != NULL) {
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
    d->held_tag = d->listener;
    d->held = listen_accept(d->slot->listeners[d->listener], &d->held_peer);
    return d->held < 0 ? d->held : 0;
}

static int take_from_inbox(struct stand_in_door *d)
{
    int fd = -1;
    const int rc = inbox_receive(d->slot->inbox, &fd, &d->held_tag, &d->held_peer);

    if (rc == 0)
        share_drop_waiting(share_of(d->slot));
    d->held = rc == 0 ? fd : -1;
    return rc;
}

/* 0: the next connection is held; WERR_AGAIN …: there is none. What an inbox gives to a process
 * without a descriptor to spare is lost, so one is free whenever somebody looks. */
static int take(struct stand_in_door *d)
{
    struct supervisor *s = d->slot->owner;
    int rc;

    do {
        reserve_lend(&s->reserve, 1);
        rc = is_inbox(d) ? take_from_inbox(d) : take_from_listener(d);
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
    struct slot *slot = d->slot;

    loop_watch_set(&d->watch, false, false);
    if (!timer_is_set(&slot->stand_in.pause))
        loop_timer_in(slot->owner->loop, &slot->stand_in.pause, PAUSE_MS);
}

static void on_ready(struct loop_watch *w, bool can_read, bool can_write)
{
    struct stand_in_door *d = (struct stand_in_door *)w;
    int rc = 0;

    (void)can_read;
    (void)can_write;
    for (unsigned i = 0; rc == 0 && i < BATCH; i++)
        rc = serve_one(d);
    supervisor_fill_reserve(d->slot->owner);
    if (rc < 0 && rc != WERR_AGAIN)
        pause_door(d);
}

static void on_pause_end(struct timer *t)
{
    struct stand_in *in = (struct stand_in *)((char *)t - offsetof(struct stand_in, pause));
    const struct slot *slot = (struct slot *)((char *)in - offsetof(struct slot, stand_in));

    for (unsigned i = 0; i < door_n(slot->owner); i++)
        loop_watch_set(&in->doors[i].watch, true, false);
}

/* ---- when ---- */

static void begin(struct slot *slot)
{
    struct supervisor *s = slot->owner;

    slot->stand_in.is_on = true;
    share_set_takes(share_of(slot), false);
    for (unsigned i = 0; i < door_n(s); i++) {
        struct stand_in_door *d = &slot->stand_in.doors[i];

        loop_watch_start(s->loop, &d->watch, is_inbox(d) ? slot->inbox : slot->listeners[i]);
        loop_watch_set(&d->watch, true, false);
    }
    log_info("others serve for a worker", LOG_U("id", slot->id),
             LOG_S("state", slot_state_name(slot)));
}

static void end(struct slot *slot)
{
    if (!slot->stand_in.is_on)
        return;
    slot->stand_in.is_on = false;
    timer_stop(loop_timers(slot->owner->loop), &slot->stand_in.pause);
    for (unsigned i = 0; i < door_n(slot->owner); i++)
        loop_watch_stop(&slot->stand_in.doors[i].watch);
    if (slot_serves(slot))
        log_info("worker serves again", LOG_U("id", slot->id));
}

/* What nobody took goes to whoever serves at last, the slot's own worker too. */
static bool let_go(struct slot *slot)
{
    bool is_empty = true;

    for (unsigned i = 0; i < door_n(slot->owner); i++) {
        struct stand_in_door *d = &slot->stand_in.doors[i];

        is_empty = (d->held < 0 || pass(d)) && is_empty;
    }
    return is_empty;
}

static bool has_somebody(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->slot_n; i++)
        if (slot_serves(&s->slots[i]))
            return true;
    return false;
}

/* All are about to serve. */
static bool is_first_start(const struct slot *slot)
{
    return slot->restarts == 0 && (slot->state == SLOT_STARTING || slot->state == SLOT_SYNCING);
}

void stand_in_review(struct supervisor *s)
{
    const bool is_possible = s->slot_n > 1 && !s->is_draining && has_somebody(s);

    for (unsigned i = 0; s->slot_n > 1 && i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];
        const bool is_wanted = is_possible && !slot_serves(slot) && !is_first_start(slot);

        if (is_wanted && !slot->stand_in.is_on)
            begin(slot);
        else if (!is_wanted && let_go(slot))
            end(slot);
    }
}

void stand_in_last(struct supervisor *s)
{
    for (unsigned i = 0; s->slot_n > 1 && i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];

        for (unsigned k = 0; has_somebody(s) && !slot_serves(slot) && k < door_n(s); k++)
            while (serve_one(&slot->stand_in.doors[k]) == 0)
                ;
        end(slot);
    }
}

/* ---- life ---- */

int stand_in_init(struct slot *slot)
{
    const unsigned n = door_n(slot->owner);
    struct stand_in_door *doors = fault_malloc(n * sizeof(*doors));

    if (doors == NULL)
        return WERR_NOMEM;
    for (unsigned i = 0; i < n; i++)
        doors[i] = (struct stand_in_door){
            .watch = {.on_ready = on_ready}, .slot = slot, .listener = i, .held = -1};
    slot->stand_in.doors = doors;
    timer_init(&slot->stand_in.pause, on_pause_end);
    return 0;
}

void stand_in_fini(struct slot *slot)
{
    if (slot->stand_in.doors == NULL)
        return;
    end(slot);
    for (unsigned i = 0; i < door_n(slot->owner); i++)
        if (slot->stand_in.doors[i].held >= 0)
            (void)close(slot->stand_in.doors[i].held);
    free(slot->stand_in.doors);
    slot->stand_in.doors = NULL;
}
