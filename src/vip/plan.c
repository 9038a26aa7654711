#include "vip/plan.h"

#include <stdatomic.h>
#include <string.h>

/* From one announcement after a take to the next; then PLAN_ANNOUNCE_NS. */
static const uint16_t announce_ms[] = {100, 500, 500, 500};

enum { ANNOUNCE_STEPS = sizeof(announce_ms) / sizeof(announce_ms[0]) };

/* ---- rows ---- */

struct plan_row *plan_find(struct plan *p, const struct addr *a)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase != PLAN_FREE && addr_is_equal(&p->rows[i].named.addr, a))
            return &p->rows[i];
    return NULL;
}

static void tell_end(struct plan_row *row, enum vip_drop why, int error)
{
    row->told_why = (uint8_t)why;
    row->told_error = error;
    row->tell |= PLAN_TELL_DROPPED;
}

static struct plan_row *find_named(struct plan *p, const struct addr *a)
{
    struct plan_row *row = plan_find(p, a);

    return row != NULL && row->is_named ? row : NULL;
}

/* Its address is to go, or may be there and shall not. */
static void doubt(struct plan_row *row, enum vip_drop why, int error, uint64_t now)
{
    row->why = (uint8_t)why;
    row->error = error;
    row->due_ns = now;
    row->tell &= (uint8_t) ~(PLAN_TELL_HELD | PLAN_TELL_CONFLICT | PLAN_TELL_ANNOUNCED);
    row->phase = PLAN_DOUBTFUL;
}

/* ---- what was heard ---- */

static struct plan_row *find_free(struct plan *p)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase == PLAN_FREE && p->rows[i].tell == 0)
            return &p->rows[i];
    return NULL;
}

/* The phase comes last: a successor finds a row that is whole, or none. At most VIP_ADDRS_MAX
 * are named; if as many more are doubtful, a new one waits for the next configure. */
static void add(struct plan *p, const struct vip_named *named)
{
    struct plan_row *row = find_free(p);

    if (row == NULL)
        return;
    *row = (struct plan_row){.named = *named, .is_named = true};
    atomic_signal_fence(memory_order_release);
    row->phase = PLAN_NAMED;
}

static void rename_row(struct plan_row *row, const struct vip_named *named, uint64_t now)
{
    const bool is_elsewhere = strcmp(row->named.ifname, named->ifname) != 0;

    if (row->phase == PLAN_HELD && (is_elsewhere || row->prefix != named->prefix))
        doubt(row, VIP_DROP_CHANGED, 0, now);
    if (is_elsewhere) {
        row->is_placed = false;
        row->place = (struct plan_place){.ifindex = 0};
    }
    row->named = *named;
    row->is_named = true;
}

static bool is_listed(const struct plan_row *row, const struct vip_named *named, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (addr_is_equal(&row->named.addr, &named[i].addr))
            return true;
    return false;
}

static void forget(struct plan_row *row, uint64_t now)
{
    row->is_named = false;
    row->until_ns = 0;
    if (row->phase == PLAN_HELD)
        doubt(row, VIP_DROP_NOT_NAMED, 0, now);
    else if (row->phase == PLAN_NAMED)
        row->phase = PLAN_FREE;
}

/* To a manager, or of a helper, that has just begun. */
static void tell_again(struct plan_row *row)
{
    row->tell |= row->is_placed ? PLAN_TELL_LINK : 0;
    row->tell |= row->phase == PLAN_HELD ? PLAN_TELL_HELD : 0;
}

/* Whoever says this may be another manager than before, which knows nothing yet. */
void plan_configure(struct plan *p, const struct vip_named *named, unsigned n, uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase != PLAN_FREE && !is_listed(&p->rows[i], named, n))
            forget(&p->rows[i], now);
    for (unsigned i = 0; i < n; i++) {
        struct plan_row *row = plan_find(p, &named[i].addr);

        if (row == NULL) {
            add(p, &named[i]);
            continue;
        }
        rename_row(row, &named[i], now);
        tell_again(row);
    }
}

int plan_hold(struct plan *p, const struct addr *a, uint64_t until_ns, uint64_t now)
{
    struct plan_row *row = find_named(p, a);

    if (row == NULL)
        return WERR_NOT_FOUND;
    if (!row->is_off)
        row->until_ns = until_ns < now + VIP_HOLD_MAX_NS ? until_ns : now + VIP_HOLD_MAX_NS;
    return 0;
}

int plan_drop(struct plan *p, const struct addr *a, uint64_t now)
{
    struct plan_row *row = find_named(p, a);

    if (row == NULL)
        return WERR_NOT_FOUND;
    row->until_ns = 0;
    row->is_off = false;
    if (row->phase == PLAN_HELD)
        doubt(row, VIP_DROP_TOLD, 0, now);
    else if (row->phase == PLAN_NAMED)
        tell_end(row, VIP_DROP_TOLD, 0);
    else
        row->why = VIP_DROP_TOLD;
    return 0;
}

void plan_drop_all(struct plan *p, enum vip_drop why, uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        p->rows[i].until_ns = 0;
        if (p->rows[i].phase == PLAN_HELD)
            doubt(&p->rows[i], why, 0, now);
    }
}

static void announce_anew(struct plan_row *row, uint64_t now)
{
    row->announce_step = 0;
    row->announce_ns = now;
}

void plan_place(struct plan_row *row, const struct plan_place *place, uint64_t now)
{
    const bool was_up = row->place.link == VIP_LINK_UP;
    const bool is_moved = place->ifindex != row->place.ifindex;

    if (!row->is_placed || is_moved || place->link != row->place.link)
        row->tell |= PLAN_TELL_LINK;
    row->is_placed = true;
    row->place = *place;
    if (row->phase != PLAN_HELD)
        return;
    if (place->ifindex != row->ifindex)
        doubt(row, place->ifindex == 0 ? VIP_DROP_NO_INTERFACE : VIP_DROP_CHANGED, 0, now);
    else if (!was_up && place->link == VIP_LINK_UP)
        announce_anew(row, now);
}

void plan_found(struct plan_row *row, int ifindex, uint8_t prefix, uint64_t now)
{
    if (row->phase != PLAN_NAMED)
        return;
    row->ifindex = ifindex;
    row->prefix = prefix;
    doubt(row, VIP_DROP_LEASE_OVER, 0, now);
}

void plan_removed(struct plan_row *row, int ifindex, uint64_t now)
{
    if (row->phase != PLAN_HELD || row->ifindex != ifindex)
        return;
    row->due_ns = now;
    announce_anew(row, now);
}

void plan_conflict(struct plan_row *row, const uint8_t *mac, uint64_t now)
{
    if (row->phase != PLAN_HELD)
        return;
    memcpy(row->stranger, mac, VIP_MAC_BYTES);
    if (row->told_ns == 0 || now - row->told_ns >= PLAN_TELL_NS) {
        row->told_ns = now;
        row->tell |= PLAN_TELL_CONFLICT;
    }
    if (row->named.policy == VIP_POLICY_BACK_OFF) {
        const uint8_t tell = row->tell & PLAN_TELL_CONFLICT;

        row->until_ns = 0;
        row->is_off = true;
        doubt(row, VIP_DROP_CONFLICT, 0, now);
        row->tell |= tell;
    } else if (row->defended_ns == 0 || now - row->defended_ns >= PLAN_DEFEND_NS) {
        row->defended_ns = now;
        announce_anew(row, now);
    }
}

void plan_take_over(struct plan *p, uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        struct plan_row *row = &p->rows[i];

        if (row->phase == PLAN_FREE)
            continue;
        tell_again(row);
        row->due_ns = now;
    }
}

/* ---- what is to be done ---- */

static bool may_take(const struct plan *p, const struct plan_row *row, uint64_t now)
{
    return row->phase == PLAN_NAMED && p->is_alone && row->until_ns > now &&
           row->place.ifindex != 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static enum plan_act act_of_held(const struct plan_row *row, uint64_t now, uint64_t *wake)
{
    const bool can_announce = row->place.has_mac && row->place.link == VIP_LINK_UP;

    if (row->due_ns <= now)
        return PLAN_PUT;
    if (can_announce && row->announce_ns <= now)
        return PLAN_ANNOUNCE;
    *wake = earlier(*wake, earlier(row->due_ns, row->until_ns));
    if (can_announce)
        *wake = earlier(*wake, row->announce_ns);
    return PLAN_WAIT;
}

/* Before the kernel is asked: who comes after us deletes what it may have given. */
static void begin_take(struct plan_row *row, uint64_t now)
{
    row->ifindex = row->place.ifindex;
    row->prefix = row->named.prefix;
    atomic_signal_fence(memory_order_release);
    doubt(row, VIP_DROP_FAILED, 0, now);
}

static enum plan_act act_of(struct plan *p, struct plan_row *row, uint64_t now, uint64_t *wake)
{
    if (row->phase == PLAN_HELD)
        return act_of_held(row, now, wake);
    if (row->phase != PLAN_DOUBTFUL && !may_take(p, row, now))
        return PLAN_WAIT;
    if (row->phase == PLAN_DOUBTFUL || row->due_ns > now) {
        *wake = earlier(*wake, row->due_ns);
        return PLAN_WAIT;
    }
    begin_take(row, now);
    return PLAN_PUT;
}

/* What is to go now, whichever address it is; else NULL. */
static struct plan_row *find_going(struct plan *p, uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        struct plan_row *row = &p->rows[i];

        if (row->phase == PLAN_HELD && row->until_ns <= now)
            doubt(row, VIP_DROP_LEASE_OVER, 0, now);
        if (row->phase == PLAN_DOUBTFUL && row->due_ns <= now)
            return row;
    }
    return NULL;
}

struct plan_step plan_next(struct plan *p, uint64_t now)
{
    struct plan_step next = {.act = PLAN_DELETE, .row = find_going(p, now)};

    if (next.row != NULL)
        return next;
    next.wake_ns = UINT64_MAX;
    next.act = PLAN_WAIT;
    for (unsigned i = 0; next.act == PLAN_WAIT && i < PLAN_ROWS; i++) {
        next.act = act_of(p, &p->rows[i], now, &next.wake_ns);
        if (next.act != PLAN_WAIT)
            next.row = &p->rows[i];
    }
    return next;
}

void plan_deleted(struct plan_row *row, int rc, uint64_t now)
{
    const bool has_failed = row->why == VIP_DROP_FAILED || row->why == VIP_DROP_NO_INTERFACE;

    if (rc != 0 && rc != WERR_NOT_FOUND) {
        row->due_ns = now + PLAN_AGAIN_NS;
        return;
    }
    row->due_ns = has_failed ? now + PLAN_RETRY_NS : now;
    row->announced_n = 0;
    tell_end(row, (enum vip_drop)row->why, row->error);
    row->phase = row->is_named ? PLAN_NAMED : PLAN_FREE;
}

void plan_put(struct plan_row *row, int rc, uint64_t now)
{
    if (rc != 0) {
        doubt(row, rc == WERR_NOT_FOUND ? VIP_DROP_NO_INTERFACE : VIP_DROP_FAILED, rc, now);
        return;
    }
    row->due_ns = now + PLAN_REFRESH_NS;
    if (row->phase == PLAN_HELD)
        return;
    announce_anew(row, now);
    row->announced_n = 0;
    row->defended_ns = row->told_ns = 0;
    row->tell |= PLAN_TELL_HELD;
    row->phase = PLAN_HELD;
}

void plan_announced(struct plan_row *row, bool was_sent, uint64_t now)
{
    row->announce_ns =
        now + (row->announce_step < ANNOUNCE_STEPS ? announce_ms[row->announce_step] * PLAN_MS
                                                   : PLAN_ANNOUNCE_NS);
    if (row->announce_step < ANNOUNCE_STEPS)
        row->announce_step++;
    if (!was_sent)
        return;
    row->announced_n++;
    row->tell |= PLAN_TELL_ANNOUNCED;
}

/* ---- what is so ---- */

bool plan_is_clear(const struct plan *p)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase == PLAN_HELD || p->rows[i].phase == PLAN_DOUBTFUL)
            return false;
    return true;
}

bool plan_is_idle(const struct plan *p)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase != PLAN_FREE || p->rows[i].tell != 0)
            return false;
    return p->will.to_n == 0;
}

bool plan_is_overdue(const struct plan_row *row, uint64_t now)
{
    return (row->phase == PLAN_HELD || row->phase == PLAN_DOUBTFUL) &&
           now >= row->until_ns + PLAN_GUARD_NS;
}

uint64_t plan_overdue_ns(const struct plan *p)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase == PLAN_HELD || p->rows[i].phase == PLAN_DOUBTFUL)
            first = earlier(first, p->rows[i].until_ns + PLAN_GUARD_NS);
    return first;
}
