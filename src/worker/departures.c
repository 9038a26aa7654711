#include "worker/departures.h"

/* Places: 1 … of those that were there when it began, in the order of the list;
 * DEPARTURES_MAX + 1 … the same of those that came later. */
_Static_assert(2 * DEPARTURES_MAX <= UINT8_MAX, "a place is a byte");

struct departure *departures_at(struct worker *w, uint8_t place)
{
    MUST(place > 0 && place <= 2 * DEPARTURES_MAX);
    struct departure *d = &w->departures.list[(place - 1) % DEPARTURES_MAX];

    MUST(d->phase != FRAME_PART_STAY);
    return d;
}

static uint8_t place_of(const struct worker *w, const struct departure *d, bool is_later)
{
    return (uint8_t)(1 + (d - w->departures.list) + (is_later ? DEPARTURES_MAX : 0));
}

struct departure *departures_find(struct worker *w, const struct addr *address)
{
    for (unsigned i = 0; w->departures.n > 0 && i < DEPARTURES_MAX; i++) {
        struct departure *d = &w->departures.list[i];

        if (d->phase != FRAME_PART_STAY && addr_is_equal(&d->address, address))
            return d;
    }
    return NULL;
}

struct departure *departures_add(struct worker *w, const struct addr *address,
                                 enum frame_part_phase phase)
{
    MUST(phase != FRAME_PART_STAY && departures_find(w, address) == NULL);
    for (unsigned i = 0; i < DEPARTURES_MAX; i++) {
        struct departure *d = &w->departures.list[i];

        if (d->phase != FRAME_PART_STAY)
            continue;
        *d = (struct departure){.address = *address, .phase = (uint8_t)phase};
        w->departures.n++;
        return d;
    }
    return NULL;
}

void departures_remove(struct worker *w, struct departure *d)
{
    MUST(w->departures.n > 0 && d->phase != FRAME_PART_STAY);
    w->departures.n--;
    *d = (struct departure){.phase = FRAME_PART_STAY};
}

/* ---- what is waited for ---- */

static uint32_t count_left(const struct departure *d)
{
    return d->phase == FRAME_PART_LEAVING ? d->before_n : d->before_n + d->later_n;
}

void departures_tell(struct worker *w, struct departure *d)
{
    d->is_due = true;
    if (w->departures.on_due != NULL)
        w->departures.on_due(w->departures.on_due_arg);
}

bool departures_next_due(struct worker *w, struct frame_parted *said)
{
    for (unsigned i = 0; w->departures.n > 0 && i < DEPARTURES_MAX; i++) {
        struct departure *d = &w->departures.list[i];

        if (!d->is_due)
            continue;
        d->is_due = false;
        *said = (struct frame_parted){
            .address = d->address, .number = d->number, .left_n = count_left(d)};
        return true;
    }
    return false;
}

/* ---- clients ---- */

/* False: it has just closed. */
static bool ask(const struct sock *s, struct addr *local)
{
    if (sock_local_addr(s, local) < 0)
        return false;
    local->port = 0;
    return true;
}

uint8_t departures_enter(struct worker *w, const struct sock *s)
{
    struct addr local;

    if (w->departures.n == 0 || !ask(s, &local))
        return 0;
    struct departure *d = departures_find(w, &local);
    if (d == NULL)
        return 0;
    d->later_n++;
    return place_of(w, d, true);
}

uint8_t departures_enter_before(struct worker *w, struct departure *d, const struct sock *s)
{
    struct addr local;

    if (!ask(s, &local) || !addr_is_equal(&local, &d->address))
        return 0;
    d->before_n++;
    return place_of(w, d, false);
}

void departures_leave(struct worker *w, uint8_t place)
{
    const bool is_later = place > DEPARTURES_MAX;

    if (place == 0)
        return;
    struct departure *d = departures_at(w, place);
    uint32_t *of = is_later ? &d->later_n : &d->before_n;
    const bool counts = d->phase == FRAME_PART_SHUT || !is_later;
    MUST(*of > 0);
    --*of;
    if (counts && count_left(d) == 0)
        departures_tell(w, d);
}
