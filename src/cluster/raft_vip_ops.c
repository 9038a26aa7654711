#include <string.h>

#include "base/clock.h"
#include "cluster/raft_int.h"
#include "pool/levels.h"

/* What the owner asks and tells of virtual IPs. It may do so within any of its hooks, so what
 * follows from it waits until libuv's loop has run (engine_vips_touch). */

/* A holder may take its time to part with an address. */
enum { MOVE_MS = CLUSTER_VIP_PART_MS + 5000 };

void engine_vips_set(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n)
{
    struct engine *e = (struct engine *)c;
    struct engine_vips *v = &e->vips;

    v->wish_n = n < CLUSTER_VIPS_MAX ? n : CLUSTER_VIPS_MAX;
    if (v->wish_n > 0)
        memcpy(v->wishes, wishes, v->wish_n * sizeof(wishes[0]));
    (void)vips_alone_set(&v->alone, v->wishes, v->wish_n, e->self.id, clock_wall_us() / 1000);
    grantor_set_wishes(&v->grantor, v->wishes, v->wish_n);
    engine_vips_touch(e);
}

void engine_vips_set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why)
{
    struct engine *e = (struct engine *)c;

    if (!holding_set_fitness(&e->vips.holding, fitness, why))
        return;
    e->vips.must_ask = true;
    engine_vips_touch(e);
}

void engine_vips_released(struct cluster *c, const struct addr *address)
{
    struct engine *e = (struct engine *)c;

    if (!holding_release(&e->vips.holding, address, clock_boot_ns()))
        return;
    e->vips.must_ask = true;
    engine_vips_touch(e);
}

/* ---- what is so ---- */

static bool is_pair(const struct engine *e)
{
    struct cluster_status s;

    engine_steward_status(e, &s);
    return roster_member_n(e->roster) == 2 && s.voters == 1;
}

/* libraft's standbys go on to know a leader that is silent; no response is surer. */
static bool has_leader(const struct engine *e, uint64_t now_ns)
{
    const uint64_t limit_ms = 2ULL * roster_election_ms((enum roster_profile)e->member.profile);

    return e->role == CLUSTER_LEADER ||
           (e->leader_id != 0 && now_ns - e->vips.holding.heard_ns < limit_ms * 1000000);
}

static enum cluster_vip_wait wait_of(const struct engine *e, const struct cluster_vip *v)
{
    const uint64_t now = clock_boot_ns();

    if (v->is_self && v->lease_ns > now)
        return CLUSTER_VIP_HELD;
    if (!roster_is_made(e->roster) || e->is_lost)
        return CLUSTER_VIP_NO_LEADER;
    if (!engine_vips_is_known(e))
        return CLUSTER_VIP_NO_LEVEL;
    if (!has_leader(e, now))
        return is_pair(e) ? CLUSTER_VIP_PAIR : CLUSTER_VIP_NO_LEADER;
    if (e->role == CLUSTER_LEADER)
        return grantor_wait(&e->vips.grantor, &v->address, now);
    return v->holder != 0 && !v->is_self ? CLUSTER_VIP_HELD : CLUSTER_VIP_HOLD_OFF;
}

static void look_at_assignment(const struct engine *e, const struct roster_vip *at,
                               struct cluster_vip *out)
{
    out->holder = at->holder;
    out->is_self = at->holder == e->self.id;
    out->epoch = at->epoch;
    out->since_ms = at->since_us / 1000;
    out->cause = at->cause;
}

/* The leader's word may be here before the entry of the log is. */
static void look(const struct engine *e, const struct addr *address, struct cluster_vip *out)
{
    const struct roster_vip *at = roster_find_vip(e->roster, address);
    const struct holding_vip *held = holding_find(&e->vips.holding, address);

    *out = (struct cluster_vip){.address = *address};
    if (at != NULL)
        look_at_assignment(e, at, out);
    if (held != NULL)
        out->lease_ns = held->end_ns;
    out->is_parting = held != NULL && held->is_parting && held->end_ns > clock_boot_ns();
    if (held != NULL && held->end_ns > clock_boot_ns() && held->epoch > out->epoch)
        look_at_assignment(e,
                           &(struct roster_vip){.holder = e->self.id,
                                                .epoch = held->epoch,
                                                .cause = held->cause,
                                                .since_us = held->since_us},
                           out);
    out->wait = (uint8_t)wait_of(e, out);
}

unsigned engine_vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    const struct engine *e = (const struct engine *)c;

    if (engine_vips_is_alone(e))
        return vips_alone_get(&e->vips.alone, out, max);
    for (unsigned i = 0; i < e->vips.wish_n && i < max; i++)
        look(e, &e->vips.wishes[i].address, &out[i]);
    return e->vips.wish_n;
}

/* ---- moves ---- */

static void end_move(struct engine_vip_move *m, int error)
{
    struct request *q = m->request;

    m->request = NULL;
    engine_request_end(q, error, q->engine->index);
}

void engine_vips_end_moves(struct engine *e, int error)
{
    for (unsigned i = 0; i < ENGINE_VIP_MOVES_MAX; i++) {
        if (e->vips.moves[i].request != NULL)
            end_move(&e->vips.moves[i], error);
    }
}

void engine_vips_look_at_moves(struct engine *e)
{
    for (unsigned i = 0; i < ENGINE_VIP_MOVES_MAX; i++) {
        struct engine_vip_move *m = &e->vips.moves[i];
        const struct roster_vip *at = roster_find_vip(e->roster, &m->address);

        if (m->request == NULL)
            continue;
        if (at != NULL && at->holder == m->id) {
            end_move(m, 0);
        } else if (loop_now_ms(e->loop.loop) >= m->end_ms) {
            grantor_unwant(&e->vips.grantor, &m->address);
            end_move(m, WERR_TIMEOUT);
        }
    }
}

static struct engine_vip_move *free_move(struct engine *e)
{
    for (unsigned i = 0; i < ENGINE_VIP_MOVES_MAX; i++) {
        if (e->vips.moves[i].request == NULL)
            return &e->vips.moves[i];
    }
    return NULL;
}

int engine_vips_move(struct engine *e, const struct addr *address, uint64_t id,
                     cluster_done_fn done, void *arg)
{
    struct engine_vip_move *m = free_move(e);

    if (engine_vips_is_alone(e)) {
        const int rc = vips_alone_move(&e->vips.alone, address, id, e->self.id);
        if (rc == 0)
            done(arg, 0, e->index);
        return rc;
    }
    if (!engine_vips_is_known(e))
        return WERR_UNSUPPORTED;
    if (m == NULL)
        return WERR_IN_USE;
    int rc = grantor_want(&e->vips.grantor, address, &id, clock_boot_ns());
    if (rc < 0)
        return rc;
    struct request *q = engine_request_new(e, done, arg);
    if (q == NULL) {
        grantor_unwant(&e->vips.grantor, address);
        return WERR_NOMEM;
    }
    *m = (struct engine_vip_move){
        .address = *address, .id = id, .end_ms = loop_now_ms(e->loop.loop) + MOVE_MS};
    m->request = q;
    engine_vips_touch(e);
    return 0;
}

int engine_vips_write_move(const struct engine *e, const struct addr *address, char *bytes,
                           struct span *entry)
{
    struct bytes_out o;

    if (engine_level(e) < LEVEL_VIPS)
        return WERR_UNSUPPORTED;
    bytes_out_init(&o, bytes, BYTES_ADDR_MAX);
    bytes_put_addr(&o, address);
    *entry = span_from(bytes, o.len);
    return 0;
}

int engine_vips_move_of(struct engine *e, uint64_t id, struct span bytes, cluster_done_fn done,
                        void *arg)
{
    struct bytes_in in;
    struct addr address;

    bytes_in_init(&in, bytes);
    bytes_get_addr(&in, &address);
    return bytes_in_is_done(&in) ? engine_vips_move(e, &address, id, done, arg) : WERR_INVALID;
}
