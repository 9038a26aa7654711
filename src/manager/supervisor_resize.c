#include <unistd.h>

#include "manager/supervisor_int.h"
#include "net/inbox.h"
#include "stats/stats.h"

/* More and fewer workers while they serve. */

static void close_one(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* New slots, and sockets for all that are to be. What is left over after a failure does no
 * harm: nobody is sent there, and the next time it is used. */
static int make_room(struct supervisor *s, unsigned n)
{
    struct listening *l;
    int rc = 0;

    while (rc == 0 && s->slots.n < n)
        rc = supervisor_add_slot(s);
    stats_use(s->slots.stats, s->slots.n);
    TAILQ_FOREACH (l, &s->listenings.list, entry)
        rc = rc == 0 ? listening_grow(l, n) : rc;
    return rc;
}

/* The inbox is shut by the worker that drains; whoever comes after it has another one. */
static void retire(struct supervisor *s, struct slot *slot, const int boxes[2],
                   uint32_t limit_ms)
{
    slot->is_wanted = false;
    slot->backoff_ms = 0;
    supervisor_drain_slot(slot, limit_ms);
    slot->inbox = boxes[0];
    slot->outbox = boxes[1];
    stand_in_enter_inbox(&s->stand_in, slot);
    if (slot->pid != 0)
        loop_timer_in(s->slots.loop, &slot->timer, (uint64_t)limit_ms + KILL_AFTER_DRAIN_MS);
}

static int retire_all(struct supervisor *s, unsigned n, uint32_t limit_ms)
{
    int boxes[CONFIG_WORKERS_MAX][2];
    int rc = 0;
    unsigned k = n;

    for (; rc == 0 && k < s->slots.n; k++) {
        boxes[k][0] = boxes[k][1] = -1;
        if (s->slots.list[k].is_wanted)
            rc = inbox_open(&boxes[k][0], &boxes[k][1]);
    }
    for (unsigned i = n; rc < 0 && i < k; i++) {
        close_one(boxes[i][0]);
        close_one(boxes[i][1]);
    }
    for (unsigned i = n; rc == 0 && i < s->slots.n; i++)
        if (s->slots.list[i].is_wanted)
            retire(s, &s->slots.list[i], boxes[i], limit_ms);
    return rc;
}

static void want_all(struct supervisor *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct slot *slot = &s->slots.list[i];

        if (slot->is_wanted)
            continue;
        slot->is_wanted = true;
        if (slot->pid == 0) /* else when its process has ended; a failure is tried again */
            (void)supervisor_start_slot(slot);
    }
}

int supervisor_add_slots(struct supervisor *s, unsigned n)
{
    int rc = 0;

    while (rc == 0 && s->slots.n < n && s->slots.n < CONFIG_WORKERS_MAX)
        rc = supervisor_add_slot(s);
    stats_use(s->slots.stats, s->slots.n);
    return rc;
}

int supervisor_resize(struct supervisor *s, unsigned n, uint32_t limit_ms)
{
    struct listening *l;

    MUST(n <= CONFIG_WORKERS_MAX && !s->slots.is_draining);
    int rc = make_room(s, n);
    if (rc == 0)
        rc = retire_all(s, n, limit_ms);
    if (rc < 0)
        return rc;
    TAILQ_FOREACH (l, &s->listenings.list, entry)
        listening_steer(l, n);
    want_all(s, n);
    slots_fill_reserve(&s->slots);
    stand_in_review(&s->stand_in);
    return 0;
}
