#include "manager/stand_in.h"

#include <unistd.h>

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
    d->held_tag = d->tag;
    d->held = listen_accept(d->fd, &d->held_peer);
    return d->held < 0 ? d->held : 0;
}

static int take_from_inbox(struct stand_in_door *d)
{
    int fd = -1;
    const int rc = inbox_receive(d->fd, &fd, &d->held_tag, &d->held_peer);

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
    struct stand_in_door *d;

    TAILQ_FOREACH (d, &in->doors, entry)
        loop_watch_set(&d->watch, true, false);
}

/* ---- when ---- */

static void watch_door(struct stand_in_door *d)
{
    loop_watch_start(d->slot->owner->loop, &d->watch, d->fd);
    loop_watch_set(&d->watch, true, false);
}

static void begin(struct slot *slot)
{
    struct stand_in_door *d;

    slot->stand_in.is_on = true;
    share_set_takes(share_of(slot), false);
    TAILQ_FOREACH (d, &slot->stand_in.doors, entry)
        watch_door(d);
    log_info("others serve for a worker", LOG_U("id", slot->id),
             LOG_S("state", slot_state_name(slot)));
}

static void end(struct slot *slot)
{
    struct stand_in_door *d;

    if (!slot->stand_in.is_on)
        return;
    slot->stand_in.is_on = false;
    timer_stop(loop_timers(slot->owner->loop), &slot->stand_in.pause);
    TAILQ_FOREACH (d, &slot->stand_in.doors, entry)
        loop_watch_stop(&d->watch);
    if (slot_serves(slot))
        log_info("worker serves again", LOG_U("id", slot->id));
}

/* What nobody took goes to whoever serves at last, the slot's own worker too. */
static bool let_go(struct slot *slot)
{
    struct stand_in_door *d;
    bool is_empty = true;

    TAILQ_FOREACH (d, &slot->stand_in.doors, entry)
        is_empty = (d->held < 0 || pass(d)) && is_empty;
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

/* As long as there is somebody to pass it to. */
static void empty_door(struct stand_in_door *d)
{
    const struct supervisor *s = d->slot->owner;

    while (s->slot_n > 1 && has_somebody(s) && !slot_serves(d->slot) && serve_one(d) == 0)
        ;
}

void stand_in_last(struct supervisor *s)
{
    for (unsigned i = 0; s->slot_n > 1 && i < s->slot_n; i++) {
        struct stand_in_door *d;

        TAILQ_FOREACH (d, &s->slots[i].stand_in.doors, entry)
            empty_door(d);
        end(&s->slots[i]);
    }
}

/* ---- doors ---- */

void stand_in_door_init(struct stand_in_door *d, struct slot *slot, uint32_t tag)
{
    *d = (struct stand_in_door){
        .watch = {.on_ready = on_ready}, .slot = slot, .fd = -1, .tag = tag, .held = -1};
}

void stand_in_enter(struct stand_in_door *d)
{
    MUST(!d->is_entered && d->fd >= 0);
    d->is_entered = true;
    TAILQ_INSERT_TAIL(&d->slot->stand_in.doors, d, entry);
    if (d->slot->stand_in.is_on)
        watch_door(d);
}

void stand_in_leave(struct stand_in_door *d)
{
    if (!d->is_entered)
        return;
    empty_door(d);
    if (d->slot->stand_in.is_on)
        loop_watch_stop(&d->watch);
    d->is_entered = false;
    TAILQ_REMOVE(&d->slot->stand_in.doors, d, entry);
    if (d->held >= 0)
        (void)close(d->held);
    d->held = -1;
}

/* ---- life ---- */

void stand_in_init(struct slot *slot)
{
    TAILQ_INIT(&slot->stand_in.doors);
    stand_in_door_init(&slot->stand_in.inbox, slot, 0);
    slot->stand_in.inbox.is_inbox = true;
    timer_init(&slot->stand_in.pause, on_pause_end);
}

/* The listening sockets are gone before (listening_close). */
void stand_in_fini(struct slot *slot)
{
    end(slot);
    stand_in_leave(&slot->stand_in.inbox);
    MUST(TAILQ_EMPTY(&slot->stand_in.doors));
}
