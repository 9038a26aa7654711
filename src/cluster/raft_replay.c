#include <stdlib.h>
#include <string.h>

#include "cluster/raft_int.h"

/* What this node has applied before is applied again at its start, whether a leader is known or
 * not: libraft hands over nothing of the log before it has heard what is committed, but what
 * stands below the high-water mark was. So a node that finds no other one serves what it served
 * when it stopped. libraft brings these entries once more; they are passed over then.
 *
 * The entries are copied when libraft loads them, and handed over behind its start, which
 * restores the snapshot. */

struct kept {
    uint64_t index;
    struct raft_buffer buf;
};

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

static bool keep(struct engine *e, uint64_t index, const struct raft_buffer *buf)
{
    struct kept *k = &e->kept[e->kept_n];

    k->buf = (struct raft_buffer){.base = malloc(buf->len), .len = buf->len};
    if (k->buf.base == NULL)
        return false;
    memcpy(k->buf.base, buf->base, buf->len);
    k->index = index;
    e->kept_n++;
    return true;
}

static int keep_all(struct engine *e, uint64_t first, const struct raft_entry *entries,
                    size_t n)
{
    e->kept = n > 0 ? calloc(n, sizeof(*e->kept)) : NULL;
    if (n > 0 && e->kept == NULL)
        return RAFT_NOMEM;
    for (size_t i = 0; i < n && first + i <= e->high_water.mark.index; i++)
        if (entries[i].type == RAFT_COMMAND && !keep(e, first + i, &entries[i].buf))
            return RAFT_NOMEM;
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): as libraft calls it */
static int load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                struct raft_snapshot **snapshot, raft_index *start_index,
                struct raft_entry *entries[], size_t *n_entries)
{
    struct engine *e = engine_of(io);
    const int code = e->load(io, term, voted_for, snapshot, start_index, entries, n_entries);

    if (code != 0)
        return code;
    e->ballot.term = *term;
    e->ballot.voted_for = *voted_for;
    return keep_all(e, *start_index, *entries, *n_entries);
}

void engine_replay_prepare(struct engine *e)
{
    e->load = e->io.load;
    e->io.load = load;
}

void engine_replay_forget(struct engine *e)
{
    for (size_t i = 0; i < e->kept_n; i++)
        free(e->kept[i].buf.base);
    free(e->kept);
    e->kept = NULL;
    e->kept_n = 0;
}

/* What can't be read is refused, and not a reason to halt: it was applied before, by a later
 * Weldr, and clients were served by it. To start without it would be to go back in time. */
int engine_replay(struct engine *e)
{
    int rc = 0, said;

    for (size_t i = 0; i < e->kept_n && rc == 0; i++)
        if (e->kept[i].index > e->index)
            rc = engine_apply(e, e->kept[i].index, &e->kept[i].buf, &said);
    engine_replay_forget(e);
    /* What there is no memory for now libraft brings, again and again. */
    return rc == 0 || rc == WERR_NOMEM ? 0 : RAFT_MALFORMED;
}
