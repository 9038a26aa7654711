#include <stdlib.h>

#include "cluster/moved.h"
#include "cluster/raft_int.h"
#include "log/log.h"
#include "pool/levels.h"

/* Members whose address has changed (moved.h): the leader has the roster say the same, or what
 * an operator says. A node that has moved and isn't called any more calls the others, one after
 * another, to tell them. */

/* ---- the leader ---- */

enum { REFUSED_MS = 10 * 1000 };

/* What was refused, by a full disk, say, is not tried again at once: an entry and a line in the
 * log each time. */
static void on_moved(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;

    (void)index;
    if (error < 0 && !e->is_closing) {
        log_warn("the new address of a member can't be noted", LOG_ID("id", e->moving),
                 LOG_S("error", werr_text(error)));
        e->unmoved = e->moving;
        e->move_ms = loop_now_ms(e->loop.loop) + REFUSED_MS;
    }
    e->moving = 0;
}

static void note_next(struct engine *e)
{
    struct roster_command c;

    if (e->moving != 0 || loop_now_ms(e->loop.loop) < e->move_ms ||
        !moved_find(&e->self, e->unmoved, &c))
        return;
    e->moving = c.member.id;
    const int rc = engine_propose_roster(e, &c, on_moved, e);
    if (rc < 0)
        on_moved(e, rc, 0);
}

/* ---- as an operator says ---- */

enum { LIVE_MS = 1000 };

int engine_move_place(struct engine *e, uint64_t id, const struct addr *address,
                      cluster_done_fn done, void *arg)
{
    struct roster_command c;

    if (e->gate != NULL && !engine_level_is_settled(e))
        return WERR_NOT_LEADER; /* soon */
    int rc = moved_place(&e->self, id, address, engine_contact_is_live(e, id, LIVE_MS), &c);

    if (rc == 0)
        rc = engine_propose_roster(e, &c, done, arg);
    return rc;
}

int engine_move_write(const struct engine *e, const struct addr *address, char *bytes,
                      struct span *entry)
{
    struct bytes_out o;

    if (engine_level(e) < LEVEL_PLACES)
        return WERR_UNSUPPORTED;
    bytes_out_init(&o, bytes, BYTES_ADDR_MAX);
    if (address != NULL)
        bytes_put_addr(&o, address);
    *entry = span_from(bytes, o.len);
    return 0;
}

int engine_move_place_of(struct engine *e, uint64_t id, struct span bytes, cluster_done_fn done,
                         void *arg)
{
    struct bytes_in in;
    struct addr address;

    if (bytes.len == 0)
        return engine_move_place(e, id, NULL, done, arg);
    bytes_in_init(&in, bytes);
    bytes_get_addr(&in, &address);
    return bytes_in_is_done(&in) ? engine_move_place(e, id, &address, done, arg) : WERR_INVALID;
}

/* ---- what the roster says anew ---- */

static bool says_the_same(const struct roster_member *a, const struct roster_member *b)
{
    return addr_is_equal(&a->address, &b->address) && a->is_placed == b->is_placed &&
           addr_is_equal(&a->told, &b->told);
}

/* A member that has moved tells that to whom it calls, and stops when it is in the roster:
 * others would keep what it told before. What it has told meanwhile it tells again (hail). */
void engine_move_note(struct engine *e, const struct roster_member *before,
                      const struct roster_member *now)
{
    if (now != NULL && !says_the_same(before, now))
        link_self_forget(&e->self, before->id);
}

/* ---- who has moved ---- */

static void on_open(struct link *l)
{
    link_close(l);
}

static void on_message(struct link *l, uint8_t type, struct span payload)
{
    (void)l;
    (void)type;
    (void)payload;
}

static void on_closed(struct link *l, int error)
{
    struct engine *e = link_user(l);

    (void)error;
    if (e != NULL)
        e->hail = NULL;
    free(l);
}

static void hail(struct engine *e, const struct roster_member *m)
{
    static const struct link_ops ops = {
        .on_open = on_open, .on_message = on_message, .on_closed = on_closed};
    const struct addr *at = link_self_find(&e->self, m->id);
    struct link *l = at != NULL ? calloc(1, sizeof(*l)) : NULL;

    if (l == NULL)
        return;
    if (link_connect(l, &e->self, &ops, LINK_CTL, at, m->id) < 0) {
        free(l);
        return;
    }
    link_set_user(l, e);
    e->hail = l;
}

static void hail_next(struct engine *e)
{
    const struct roster_member *m =
        roster_member_at(e->roster, e->hailed_n++ % roster_member_n(e->roster));

    if (m->id != e->self.id)
        hail(e, m);
}

void engine_move_tend(struct engine *e)
{
    const struct roster_member *self = roster_find(e->roster, e->self.id);

    if (e->gate == NULL || self == NULL || e->is_closing)
        return;
    if (e->role == CLUSTER_LEADER)
        note_next(e);
    else if (moved_is(self, &e->self.address) && e->hail == NULL && e->self.connects != NULL)
        hail_next(e);
}

void engine_move_close(struct engine *e)
{
    if (e->hail == NULL)
        return;
    link_set_user(e->hail, NULL);
    link_abort(e->hail);
    e->hail = NULL;
}
