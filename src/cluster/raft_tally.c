#include "cluster/raft_int.h"

/* What this node sees of elections and snapshots, for those who look at its metrics.
 *
 * Elections are counted by what a run of libuv's loop leaves behind: what begins and ends
 * within one is not seen. A vote that only asks beforehand (pre-vote) is none. */

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

/* ---- elections ---- */

void engine_tally_look(struct engine *e)
{
    struct tally *t = &e->tally;
    const uint64_t term = raft_current_term(&e->raft);
    const int state = raft_state(&e->raft);
    const bool leads = state == RAFT_LEADER;
    const bool stands = state == RAFT_CANDIDATE && !e->raft.candidate_state.in_pre_vote;

    if (t->stood_term != 0 && (t->stood_term != term || (!leads && !stands)))
        t->told.elections_lost++;
    t->stood_term = stands ? term : 0;
    if (leads && t->won_term != term) {
        t->told.elections_won++;
        t->won_term = term;
    }
    if (e->leader_id != 0 && t->known_term != term) {
        t->told.leaders++;
        t->known_term = term;
    }
}

/* ---- snapshots ---- */

static void on_put(struct raft_io_snapshot_put *req, int status)
{
    struct engine *e = req->data;
    struct tally *t = &e->tally;
    struct cluster_snapshots *s = t->is_received ? &t->told.received : &t->told.taken;
    struct raft_io_snapshot_put *put = t->put;

    if (status == 0) {
        s->n++;
        s->ms += loop_now_ms(e->loop.loop) - t->put_ms;
    } else if (status != RAFT_CANCELED) {
        s->failed_n++;
    }
    t->put = NULL;
    t->put_cb(put, status);
}

/* libraft stores one at a time. Behind one of the leader's it keeps no entry. */
static int put_counted(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                       const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
    struct engine *e = engine_of(io);
    struct tally *t = &e->tally;

    MUST(t->put == NULL);
    t->put_ms = loop_now_ms(e->loop.loop);
    t->is_received = trailing == 0;
    t->put = req;
    t->put_cb = cb;
    t->own_put.data = e;
    const int code = t->snapshot_put(io, trailing, &t->own_put, snapshot, on_put);
    if (code != 0)
        t->put = NULL;
    return code;
}

void engine_tally_prepare(struct engine *e)
{
    e->tally.snapshot_put = e->io.snapshot_put;
    e->io.snapshot_put = put_counted;
}
