#include "base/timers.h"

#include <stddef.h>
#include <string.h>

/* Times are read as numbers of base 64. A timer hangs on the level of the highest digit in
 * which its time differs from now, in the slot of that digit. Hence every slot in use lies
 * behind now's own digit of its level, lower levels come up before higher ones, and the next
 * slot to come up is the lowest bit of the lowest busy level. When a slot of a higher level
 * comes up, its timers move to lower levels: at most ten times in the life of a timer. */
enum { DIGIT_BITS = 6 };

void timers_init(struct timers *w, uint64_t now_ms)
{
    memset(w, 0, sizeof(*w));
    w->now_ms = now_ms;
    w->next_ms = UINT64_MAX;
}

void timer_init(struct timer *t, timer_fn on_fire)
{
    *t = (struct timer){.on_fire = on_fire};
}

static void link_ripe(struct timers *w, struct timer *t)
{
    t->slot_ms = 1; /* has come up already, whatever the time is */
    w->next_ms = w->now_ms;
    LIST_INSERT_HEAD(&w->ripe, t, entry);
}

static void link_timer(struct timers *w, struct timer *t)
{
    if (t->due_ms <= w->now_ms) {
        link_ripe(w, t);
        return;
    }
    unsigned top_bit = 63 - (unsigned)__builtin_clzll(t->due_ms ^ w->now_ms);
    unsigned level = top_bit / DIGIT_BITS;
    unsigned shift = level * DIGIT_BITS;
    unsigned slot = (t->due_ms >> shift) % TIMERS_SLOTS;
    t->slot_ms = t->due_ms >> shift << shift;
    if (t->slot_ms < w->next_ms)
        w->next_ms = t->slot_ms;
    w->busy[level] |= 1ULL << slot;
    LIST_INSERT_HEAD(&w->slot[level][slot], t, entry);
}

void timer_set(struct timers *w, struct timer *t, uint64_t due_ms)
{
    t->due_ms = due_ms;
    if (timer_is_set(t)) {
        /* Its place comes up in time, or is coming up right now: the new time is looked at
         * then. */
        if (t->slot_ms <= due_ms || t->slot_ms <= w->now_ms)
            return;
        LIST_REMOVE(t, entry);
    } else {
        w->n++;
    }
    link_timer(w, t);
}

static void unlink_timer(struct timers *w, struct timer *t)
{
    LIST_REMOVE(t, entry);
    t->slot_ms = 0;
    w->n--;
}

void timer_stop(struct timers *w, struct timer *t)
{
    if (timer_is_set(t))
        unlink_timer(w, t);
}

/* The lowest level with a busy slot; TIMERS_LEVELS when there is none. */
static unsigned find_busy_level(const struct timers *w)
{
    unsigned level = 0;
    while (level < TIMERS_LEVELS && w->busy[level] == 0)
        level++;
    return level;
}

/* When the first slot of a busy level comes up. */
static uint64_t first_slot_ms(const struct timers *w, unsigned level)
{
    unsigned shift = level * DIGIT_BITS;
    uint64_t digit = (uint64_t)__builtin_ctzll(w->busy[level]);
    uint64_t digits_above = level + 1 < TIMERS_LEVELS
                                ? w->now_ms >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS)
                                : 0;
    return digits_above | digit << shift;
}

/* Moves all timers of a list to where they belong now. What is due goes to the end of the list
 * that ends in *tail. */
static void sort_out(struct timers *w, struct timer_list *list, struct timer **tail)
{
    struct timer_list moved = *list;
    struct timer *t = moved.lh_first;

    LIST_INIT(list);
    while (t != NULL) {
        struct timer *next = LIST_NEXT(t, entry);
        if (t->due_ms <= w->now_ms) {
            LIST_INSERT_AFTER(*tail, t, entry);
            *tail = t;
        } else {
            link_timer(w, t);
        }
        t = next;
    }
}

/* Advances to now_ms slot by slot, collecting what is due. */
static void advance(struct timers *w, uint64_t now_ms, struct timer **tail)
{
    for (;;) {
        unsigned level = w->n != 0 ? find_busy_level(w) : TIMERS_LEVELS;
        w->next_ms = level < TIMERS_LEVELS ? first_slot_ms(w, level) : UINT64_MAX;
        if (w->next_ms > now_ms || level == TIMERS_LEVELS)
            break;
        unsigned slot = (unsigned)__builtin_ctzll(w->busy[level]);
        w->busy[level] &= w->busy[level] - 1;
        w->now_ms = w->next_ms;
        sort_out(w, &w->slot[level][slot], tail);
    }
    if (w->n == 0)
        memset(w->busy, 0, sizeof(w->busy)); /* bits of stopped timers */
    w->now_ms = now_ms;
}

static unsigned run_due(struct timers *w, uint64_t now_ms)
{
    struct timer_list firing = LIST_HEAD_INITIALIZER(firing);
    struct timer anchor; /* lends LIST_INSERT_AFTER a first element */
    struct timer *tail = &anchor;
    unsigned fired = 0;

    LIST_INSERT_HEAD(&firing, &anchor, entry);
    sort_out(w, &w->ripe, &tail);
    advance(w, now_ms, &tail);
    /* Callbacks may stop or move what still waits here, so nothing but the anchor is remembered
     * between two of them. */
    for (struct timer *t; (t = LIST_NEXT(&anchor, entry)) != NULL;) {
        if (t->due_ms > w->now_ms) {
            LIST_REMOVE(t, entry);
            link_timer(w, t);
            continue;
        }
        unlink_timer(w, t);
        fired++;
        t->on_fire(t);
    }
    return fired;
}

/* Each turn of a loop asks, and in nearly all of them nothing comes up. */
unsigned timers_run(struct timers *w, uint64_t now_ms)
{
    if (now_ms < w->now_ms)
        now_ms = w->now_ms;
    if (now_ms >= w->next_ms)
        return run_due(w, now_ms);
    w->now_ms = now_ms;
    return 0;
}

uint64_t timers_next_ms(const struct timers *w)
{
    return w->n != 0 ? w->next_ms : UINT64_MAX;
}
