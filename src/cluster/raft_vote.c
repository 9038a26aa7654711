#include "cluster/raft_int.h"
#include "log/log.h"

/* The term and the vote on disk. libraft asks for them to be stored, and has changed its mind
 * by then: were it told that they can't be (an error of the disk, a file system that is read
 * only), it would hold in memory what it has not said and not stored, answer the next question
 * by that, and end at the next entry, whose place in its log is another one than on the disk
 * (0.22.1: legacyHandleEvent). So it is told that all is well, and the node keeps quiet: until
 * the vote is on disk nothing is said to another node, nothing heard from one, no time passes
 * and nothing is proposed. To the others it is as if the node were away; so it votes once in a
 * term, whatever happens.
 *
 * What a leader of a new term sends is heard when that term is stored, and not before: a log
 * with entries of a term above the stored one is refused at the next start (segments.c). */

enum { AGAIN_MS = 1000 };

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

/* ---- our own copy, for the engine's files have no checksum ---- */

/* The engine writes its two files in turn, and makes the second one when it first changes its
 * mind. Overwriting needs no room on the disk, but making one does; so the second file is made
 * while the first one was. */
static int read_vote(struct engine *e, struct vote *vote, struct strb *wrong)
{
    int rc = segments_vote(e->log_fd, e->log_path, vote, wrong);

    if (rc == 0 && vote->version == 1) {
        rc = e->set_vote(&e->io, vote->voted_for) == 0 ? 0 : WERR_NO_SPACE;
        if (rc < 0)
            strb_addf(wrong, "%s/metadata2: can't be made", e->log_path);
        else
            rc = segments_vote(e->log_fd, e->log_path, vote, wrong);
    }
    return rc;
}

/* While the mark is being synced it waits for that (on_synced in raft_state.c). */
static int note(struct engine *e, struct strb *wrong)
{
    struct vote vote;

    e->vote_is_new = e->high_water.syncing != HIGH_WATER_SLOTS;
    if (e->vote_is_new)
        return 0;
    int rc = read_vote(e, &vote, wrong);
    if (rc < 0)
        return rc;
    rc = high_water_vote(&e->high_water, &vote);
    if (rc < 0)
        strb_addf(wrong, "%s/high_water: can't be written: %s", e->dir->path, werr_text(rc));
    return rc;
}

/* ---- what is owed to the disk ---- */

static void owe(struct engine *e, struct span why)
{
    struct ballot *b = &e->ballot;

    b->again_ms = loop_now_ms(e->loop.loop) + AGAIN_MS;
    if (!b->is_owed)
        log_error("the vote can't be stored: until it is, this node neither votes nor leads, "
                  "and hears no leader",
                  LOG_S("directory", e->log_path), LOG_B("why", why));
    b->is_owed = true;
}

static void settle(struct engine *e)
{
    struct ballot *b = &e->ballot;

    if (b->is_owed)
        log_info("the vote is stored: this node takes part again");
    b->is_owed = false;
}

/* code: of libraft, of what it was asked to store. */
static void account(struct engine *e, int code)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    if (code != 0)
        strb_addf(&wrong, "%s", e->io.errmsg);
    if (code == 0 && note(e, &wrong) == 0)
        settle(e);
    else
        owe(e, strb_span(&wrong));
}

/* libraft writes the term that it was asked to write last with each vote. */
static int store_again(struct engine *e)
{
    return e->set_vote(&e->io, e->ballot.voted_for);
}

int engine_vote_note(struct engine *e)
{
    account(e, e->ballot.is_owed ? store_again(e) : 0);
    return e->ballot.is_owed ? RAFT_IOERR : 0;
}

/* The one that was given in this term stays until there is another one: between two writes none
 * would be on disk, and another one could be given after a start. */
static int set_term(struct raft_io *io, raft_term term)
{
    struct engine *e = engine_of(io);
    struct ballot *b = &e->ballot;

    if (!b->is_owed && term == b->term)
        return 0;
    b->term = term;
    b->voted_for = 0;
    account(e, e->set_term(io, term));
    return 0;
}

static int set_vote(struct raft_io *io, raft_id id)
{
    struct engine *e = engine_of(io);
    struct ballot *b = &e->ballot;

    if (!b->is_owed && id == b->voted_for)
        return 0;
    b->voted_for = id;
    account(e, e->set_vote(io, id));
    return 0;
}

bool engine_vote_is_stored(struct engine *e)
{
    struct ballot *b = &e->ballot;

    if (b->is_owed && loop_now_ms(e->loop.loop) >= b->again_ms)
        account(e, store_again(e));
    return !b->is_owed;
}

/* 0: it is of no leader. */
static raft_term leaders_term(const struct raft_message *message)
{
    switch (message->type) {
    case RAFT_APPEND_ENTRIES:
        return message->append_entries.term;
    case RAFT_INSTALL_SNAPSHOT:
        return message->install_snapshot.term;
    default:
        return 0;
    }
}

bool engine_vote_hears(struct engine *e, const struct raft_message *message)
{
    const raft_term term = leaders_term(message);

    if (engine_vote_is_stored(e) && term > raft_current_term(&e->raft))
        (void)set_term(&e->io, term);
    return !e->ballot.is_owed;
}

void engine_vote_prepare(struct engine *e)
{
    e->set_term = e->io.set_term;
    e->set_vote = e->io.set_vote;
    e->io.set_term = set_term;
    e->io.set_vote = set_vote;
}
