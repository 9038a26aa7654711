#include <stdio.h>
#include <string.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* What this node can't read it does not pass over: from there on it would be another one than
 * the rest of the cluster. It halts instead: its state stays as of the entry before. libraft
 * does not hear of that. It goes on storing what the leader sends, and its vote and its disk
 * count as before; an error of its apply callback would have it free what a message has
 * brought a second time (0.22.1: recvCb, for entries that it has already).
 *
 * Nothing that was applied can be lost by it: no snapshot is made any more, so that all entries
 * from the unread one on stay on disk, and the high-water mark stands before it. A Weldr that
 * can read it finds it there as the next one. */

/* Another member that knows the level, so that people hear which version they need. */
static const char *find_version(const struct engine *e, uint8_t level)
{
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);

        if (m->id != e->self.id && m->level > e->options.level && m->level >= level)
            return m->version;
    }
    return "";
}

static void print_why(const struct engine *e, struct cluster_halt *h, bool is_snapshot)
{
    const char *what = is_snapshot ? "the snapshot of entry" : "entry";
    const unsigned long long index = h->index;

    if (e->halt_error == WERR_CORRUPT)
        (void)snprintf(h->why, sizeof(h->why),
                       "%s %llu is damaged: have the node join anew (weldr cluster rejoin)",
                       what, index);
    else if (h->level > e->options.level)
        (void)snprintf(h->why, sizeof(h->why),
                       "%s %llu needs level %u of features, and this Weldr knows %u: start a "
                       "later Weldr on this node",
                       what, index, h->level, e->options.level);
    else
        (void)snprintf(h->why, sizeof(h->why),
                       "%s %llu is of a kind that this Weldr does not know: start a later "
                       "Weldr on this node",
                       what, index);
}

void engine_halt(struct engine *e, int error, const struct engine_unread *what)
{
    struct cluster_halt *h = &e->halt;

    if (engine_is_halted(e))
        return;
    e->halt_error = error;
    *h = (struct cluster_halt){.is_halted = true, .index = what->index};
    if (error == WERR_UNSUPPORTED && what->level > e->options.level)
        h->level = what->level;
    print_why(e, h, what->is_snapshot);
    if (error == WERR_UNSUPPORTED)
        (void)snprintf(h->version, sizeof(h->version), "%s", find_version(e, h->level));
}

void engine_halt_tell(struct engine *e)
{
    const struct cluster_halt *h = &e->halt;
    struct request *q, *next;

    if (!engine_is_halted(e) || !e->has_settled || e->halt_is_told)
        return;
    e->halt_is_told = true;
    log_error("nothing more is applied on this node: requests are served with what it knows, "
              "and changes are refused here",
              LOG_S("why", h->why), LOG_S("version", h->version[0] != '\0' ? h->version : "-"));
    for (q = TAILQ_FIRST(&e->owed); q != NULL; q = next) {
        next = TAILQ_NEXT(q, entry);
        if (q->stage == REQUEST_AWAITED)
            engine_request_end(q, WERR_OUTCOME_UNKNOWN, 0);
    }
    if (e->cluster.hooks.on_members != NULL)
        e->cluster.hooks.on_members(e->cluster.hooks.arg);
}
