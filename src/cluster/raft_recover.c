#include <unistd.h>

#include "cluster/raft_int.h"
#include "cluster/small_file.h"

/* Recovery: the configuration in which this node votes alone, then the entry that removes all
 * others from the roster. In between a start would find the others in the roster and take them
 * back, in the incarnation that they have; so a mark in the directory refuses it. */

/* Of a mark that can't be removed the next start tells once more. */
static void note_recovered(struct engine *e)
{
    e->was_recovered = data_dir_has(e->dir, DATA_DIR_RECOVERED);
    if (e->was_recovered)
        (void)unlinkat(e->dir->fd, DATA_DIR_RECOVERED, 0);
}

int engine_recover_check(struct engine *e, struct strb *wrong)
{
    const bool has_mark = data_dir_has(e->dir, DATA_DIR_RECOVERING);

    if (!e->options.recovers && has_mark) {
        strb_addf(wrong,
                  "%s/" DATA_DIR_RECOVERING
                  ": a recovery was cut off; do it again: weldr cluster recover",
                  e->dir->path);
        return WERR_CORRUPT;
    }
    if (!e->options.recovers)
        note_recovered(e);
    if (!e->options.recovers || has_mark)
        return 0;
    if (e->member.address_n == 0 || e->stored.last_index == 0) {
        strb_addf(wrong,
                  "%s: the node is no member of a cluster of several: nothing to recover",
                  e->dir->path);
        return WERR_GUARD;
    }
    const int rc = small_file_write(e->dir->fd, DATA_DIR_RECOVERING, SPAN_NONE);
    if (rc < 0)
        strb_addf(wrong, "%s/" DATA_DIR_RECOVERING ": can't write it: %s", e->dir->path,
                  werr_text(rc));
    return rc;
}

int engine_recover_configure(struct engine *e)
{
    struct raft_configuration configuration;
    int code = engine_store_configure(e, &configuration);

    if (code == 0)
        code = raft_recover(&e->raft, &configuration);
    raft_configuration_close(&configuration);
    return code;
}

static void on_recovered(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;

    (void)index;
    if (e->is_closing)
        return;
    if (error < 0) {
        engine_lose(e, error,
                    error == WERR_NOT_FOUND ? "the node was removed from the cluster before"
                                            : werr_text(error));
        return;
    }
    engine_peers_tend(e);
    error = engine_member_save(e); /* of the new incarnation, before it is said to be one */
    if (error < 0) {
        engine_lose(e, error, "who this node is can't be kept");
        return;
    }
    e->has_settled = true;
    e->cluster.hooks.on_settled(e->cluster.hooks.arg);
}

void engine_recover_tend(struct engine *e)
{
    const struct roster_command c = {.type = ROSTER_RECOVER, .member = {.id = e->self.id}};

    if (e->is_recovering || e->role != CLUSTER_LEADER)
        return;
    const int rc = engine_propose_roster(e, &c, on_recovered, e);
    if (rc < 0)
        engine_lose(e, rc, werr_text(rc));
    e->is_recovering = true;
}
