#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/raft_alone.h"
#include "cluster/raft_int.h"
#include "log/log.h"

/* The start on disk, in order: our own files and a look through the engine's (each sentence of
 * what is wrong goes to the log), then the engine itself. */

enum {
    VERSION_MIN = 2201,
    DISK_RETRY_MS = 1000,
    ELECTION_MS = 500,
    HEARTBEAT_MS = 100,
    SNAPSHOT_ENTRIES = 1024
};

/* No other node has to find this one yet. */
static const char no_address[] = "-";

int engine_store_error(int code)
{
    switch (code) {
    case 0:
        return 0;
    case RAFT_NOMEM:
        return WERR_NOMEM;
    case RAFT_NOTLEADER:
        return WERR_NOT_LEADER;
    case RAFT_LEADERSHIPLOST:
        return WERR_OUTCOME_UNKNOWN;
    case RAFT_SHUTDOWN:
    case RAFT_CANCELED:
        return WERR_SHUTTING_DOWN;
    case RAFT_NOSPACE:
        return WERR_NO_SPACE;
    case RAFT_CORRUPT:
    case RAFT_MALFORMED:
        return WERR_CORRUPT;
    default:
        return WERR_IO;
    }
}

uint64_t engine_store_id(const struct engine *e)
{
    uint64_t id;

    memcpy(&id, e->dir->identity, sizeof(id));
    id &= INT64_MAX;
    return id != 0 ? id : 1;
}

/* ---- our own files ---- */

static int open_own(struct engine *e, struct strb *wrong)
{
    int rc = high_water_open(&e->high_water, e->dir, wrong);

    if (rc < 0) {
        e->high_water.fd = -1;
        return rc;
    }
    rc = data_dir_enter(e->dir, "log", &e->log_fd, wrong);
    if (rc < 0) {
        e->log_fd = -1;
        return rc;
    }
    if (asprintf(&e->log_path, "%s/log", e->dir->path) < 0) {
        e->log_path = NULL;
        strb_add_str(wrong, "out of memory");
        return WERR_NOMEM;
    }
    rc = segments_check(e->log_fd, e->log_path, &e->high_water.mark, &e->stored, wrong);
    if (rc == 0 && e->stored.is_torn)
        log_warn("a write that was cut off is taken away: nobody was told that it was done",
                 LOG_S("file", e->stored.file), LOG_U("offset", e->stored.offset));
    if (rc == 0)
        rc = segments_heal(e->log_fd, e->log_path, &e->stored, wrong);
    return rc == 0 ? data_dir_settle(e->dir, wrong) : rc;
}

/* ---- the vote, which the engine's files keep without a checksum ---- */

int engine_store_note_vote(struct engine *e)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;
    struct vote vote;

    strb_init(&wrong, text, sizeof(text));
    e->vote_is_new = e->high_water.syncing != HIGH_WATER_SLOTS;
    if (e->vote_is_new)
        return 0;
    int rc = segments_vote(e->log_fd, e->log_path, &vote, &wrong);
    if (rc == 0)
        rc = high_water_vote(&e->high_water, &vote);
    if (rc < 0)
        log_error("the vote can't be noted", LOG_B("error", strb_span(&wrong)));
    return rc < 0 ? RAFT_IOERR : 0;
}

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

static int set_term(struct raft_io *io, raft_term term)
{
    struct engine *e = engine_of(io);
    const int code = e->set_term(io, term);

    return code == 0 ? engine_store_note_vote(e) : code;
}

static int set_vote(struct raft_io *io, raft_id id)
{
    struct engine *e = engine_of(io);
    const int code = e->set_vote(io, id);

    return code == 0 ? engine_store_note_vote(e) : code;
}

/* ---- the engine ---- */

/* A first start that was cut off here begins again. */
static int bootstrap(struct engine *e)
{
    struct raft_configuration configuration;

    raft_configuration_init(&configuration);
    int code =
        raft_configuration_add(&configuration, engine_store_id(e), no_address, RAFT_VOTER);
    if (code == 0)
        code = raft_bootstrap(&e->raft, &configuration);
    raft_configuration_close(&configuration);
    return code == 0 ? engine_store_note_vote(e) : code;
}

static void set(struct engine *e)
{
    raft_uv_set_auto_recovery(&e->io, false);
    raft_uv_set_disk_retry(&e->io, DISK_RETRY_MS);
    e->set_term = e->io.set_term;
    e->set_vote = e->io.set_vote;
    e->io.set_term = set_term;
    e->io.set_vote = set_vote;
}

static void set_raft(struct engine *e)
{
    raft_set_pre_vote(&e->raft, true);
    raft_set_election_timeout(&e->raft, ELECTION_MS);
    raft_set_heartbeat_timeout(&e->raft, HEARTBEAT_MS);
    raft_set_snapshot_threshold(&e->raft, SNAPSHOT_ENTRIES);
    raft_set_snapshot_trailing(&e->raft, SNAPSHOT_ENTRIES);
}

static int open_raft(struct engine *e)
{
    const bool is_new = e->stored.last_index == 0;

    if (is_new) {
        (void)unlinkat(e->log_fd, "metadata1", 0);
        (void)unlinkat(e->log_fd, "metadata2", 0);
    }
    engine_alone_init(&e->transport);
    int code = raft_uv_init(&e->io, &e->loop.uv, e->log_path, &e->transport);
    if (code != 0)
        return code;
    set(e);
    code = raft_init(&e->raft, &e->io, &e->fsm, engine_store_id(e), no_address);
    if (code != 0) {
        raft_uv_close(&e->io);
        return code;
    }
    e->raft.data = e;
    set_raft(e);
    if (is_new)
        code = bootstrap(e);
    if (code == 0)
        code = raft_start(&e->raft);
    if (code == 0 && raft_last_index(&e->raft) < e->stored.last_index)
        code = RAFT_CORRUPT;
    return code;
}

static int begin(struct engine *e, struct strb *wrong)
{
    if (raft_version_number() < VERSION_MIN) {
        strb_addf(wrong, "libraft is too old: %d", raft_version_number());
        return WERR_UNSUPPORTED;
    }
    int rc = open_own(e, wrong);
    if (rc < 0)
        return rc;
    const int code = open_raft(e);
    if (code != 0)
        strb_addf(wrong, "%s: the engine can't start: %s %s", e->log_path, raft_strerror(code),
                  e->raft.data != NULL ? raft_errmsg(&e->raft) : e->io.errmsg);
    return engine_store_error(code);
}

int engine_store_open(struct engine *e)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    const int rc = begin(e, &wrong);
    if (rc < 0)
        log_error("what is stored can't be used", LOG_B("why", strb_span(&wrong)));
    return rc;
}

static void on_closed(struct raft *raft)
{
    raft->data = NULL;
}

void engine_store_close(struct engine *e)
{
    const bool has_raft = e->raft.data != NULL;

    if (has_raft)
        raft_close(&e->raft, on_closed);
    engine_loop_stop(&e->loop);
    MUST(e->raft.data == NULL);
    if (has_raft)
        raft_uv_close(&e->io);
    if (e->high_water.fd >= 0) {
        if (high_water_sync(&e->high_water) < 0)
            log_warn("the high-water mark can't be synced");
        high_water_close(&e->high_water);
    }
    if (e->log_fd >= 0)
        (void)close(e->log_fd);
    free(e->log_path);
}
