#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* The start on disk, in order: our own files and a look through the engine's (each sentence of
 * what is wrong goes to the log), then the engine itself. */

enum { VERSION_MIN = 2201, DISK_RETRY_MS = 1000, CONNECT_RETRY_MS = 200 };
enum { CONNECTION_TEXT_MAX = ADDR_TEXT_MAX + 11 };

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
    return data_dir_node_id(e->dir);
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
    return rc;
}

static struct engine *engine_of(struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

/* ---- the engine ---- */

static void kick(void *arg)
{
    engine_kick(arg);
}

int engine_store_configure(const struct engine *e, struct raft_configuration *configuration)
{
    char name[ENGINE_ID_TEXT_MAX];

    engine_id_text(engine_store_id(e), name);
    raft_configuration_init(configuration);
    return raft_configuration_add(configuration, engine_store_id(e), name, RAFT_VOTER);
}

/* A first start that was cut off here begins again. */
static int bootstrap(struct engine *e)
{
    struct raft_configuration configuration;
    int code = engine_store_configure(e, &configuration);

    if (code == 0)
        code = raft_bootstrap(&e->raft, &configuration);
    raft_configuration_close(&configuration);
    return code == 0 ? engine_vote_note(e) : code;
}

/* A snapshot that comes while libraft writes its own is put off, and then read through NULL;
 * one that comes while another is taken over is never freed. The leader comes again. */
static bool is_untimely(const struct engine *e, const struct raft_message *message)
{
    return message->type == RAFT_INSTALL_SNAPSHOT &&
           (e->raft.legacy.snapshot_taking || e->raft.snapshot.installing);
}

static void drop(struct raft_message *message)
{
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        raft_configuration_close(&message->install_snapshot.conf);
        raft_free(message->install_snapshot.data.base);
    } else if (message->type == RAFT_APPEND_ENTRIES && message->append_entries.n_entries > 0) {
        raft_free(message->append_entries.entries[0].batch);
        raft_free(message->append_entries.entries);
    }
}

/* Of a message with several new entries libraft (0.22.1: replicationAppend) notes a change of
 * who votes at the index of the first one. Handed over under its own it does not end then: a
 * leader refuses every other change for as long as it lives, and a follower would go back to
 * who voted before it. So a change comes first; of what is cut off the leader hears that it is
 * missing. */
static void cut_before_change(struct raft_message *message)
{
    struct raft_append_entries *a = &message->append_entries;

    for (unsigned i = 1; message->type == RAFT_APPEND_ENTRIES && i < a->n_entries; i++)
        if (a->entries[i].type == RAFT_CHANGE)
            a->n_entries = i;
}

/* Who is heard of, for those who ask. */
static void on_message(struct raft_io *io, struct raft_message *message)
{
    struct engine *e = engine_of(io);

    engine_contact_heard(e, message->server_id);
    if (is_untimely(e, message) || !engine_vote_hears(e, message)) {
        drop(message);
        return;
    }
    cut_before_change(message);
    e->recv(io, message);
    engine_state_settle(e);
    engine_state_note_stored(e);
}

/* libraft keeps a connection for as long as it is told the same address. Behind a break it is
 * told another one, or it would learn of it by losing what it sends next (a vote, of a member
 * that was started anew since). Before one it keeps what it has: a newcomer has a connection
 * to where the leader has called from, and perhaps an old address of it in its roster. Where
 * the transport knows how to call the member the text is no more than a name. */
static void name_connection(const struct engine *e, uint64_t id, const char *address,
                            char text[CONNECTION_TEXT_MAX])
{
    const unsigned breaks = engine_transport_breaks(e->peers, id);

    if (breaks == 0)
        (void)snprintf(text, CONNECTION_TEXT_MAX, "%s", address);
    else
        (void)snprintf(text, CONNECTION_TEXT_MAX, "%s-%u", address, breaks);
}

/* libraft reads a snapshot in another thread before it sends it, and a change of the members
 * meanwhile frees the address that the message has. It is the one that follows from the id;
 * what is answered goes to the address that the question came from. What is not to be said is
 * lost on the way. */
static int send_message(struct raft_io *io, struct raft_io_send *req,
                        const struct raft_message *message, raft_io_send_cb cb)
{
    struct engine *e = engine_of(io);
    struct raft_message copy = *message;
    char id_text[ENGINE_ID_TEXT_MAX], name[CONNECTION_TEXT_MAX];

    if (e->ballot.is_owed) {
        cb(req, RAFT_CANCELED);
        return 0;
    }
    if (message->type == RAFT_APPEND_ENTRIES)
        e->told_commit = message->append_entries.leader_commit;
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        engine_id_text(message->server_id, id_text);
        copy.server_address = id_text;
    }
    if (link_self_find(&e->self, message->server_id) != NULL) {
        name_connection(e, message->server_id, copy.server_address, name);
        copy.server_address = name;
    }
    return e->send(io, req, &copy, cb);
}

/* What fails later is written again and again. What fails here libraft has given back already,
 * and keeps in its books (raft_heap.c). */
static int append(struct raft_io *io, struct raft_io_append *req,
                  const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
    struct engine *e = engine_of(io);

    if (e->append(io, req, entries, n, cb) == 0)
        return 0;
    log_error("the log of the cluster can't be written: this node ends, and has lost nothing "
              "that was acknowledged",
              LOG_S("directory", e->log_path), LOG_S("why", e->io.errmsg));
    _exit(EXIT_FAILURE);
}

/* libraft takes a follower for lost that was silent from one tick to the next, though nothing
 * was asked of it when an entry was sent less than a heartbeat before the first of them. It
 * sends it the next entry with the next heartbeat then, so a lone write took that long. One
 * more heartbeat counts here. A leader that is cut off ends its term no later for that: what
 * it was told in that heartbeat has moved this time. */
static void tick_leader(struct engine *e, raft_time heartbeat_ms)
{
    struct raft *r = &e->raft;
    const raft_time contact = r->election_timer_start;
    const raft_time from = contact > heartbeat_ms ? contact - heartbeat_ms : 0;

    r->election_timer_start = from;
    e->tick(&e->io);
    if (raft_state(r) == RAFT_LEADER && r->election_timer_start == from)
        r->election_timer_start = contact;
}

/* Followers hear what is committed with the next message, which may be two heartbeats away
 * behind a lone write. With other entries on their way it goes along with these. */
void engine_store_beat(struct engine *e)
{
    struct raft *r = &e->raft;
    const unsigned heartbeat_ms = r->heartbeat_timeout;

    if (raft_state(r) != RAFT_LEADER || e->ballot.is_owed || e->is_closing ||
        raft_commit_index(r) <= e->told_commit || raft_last_index(r) > raft_commit_index(r))
        return;
    e->told_commit = raft_commit_index(r); /* nobody else may be there */
    r->heartbeat_timeout = 0;              /* one is due to each of them */
    tick_leader(e, heartbeat_ms);
    r->heartbeat_timeout = heartbeat_ms;
}

/* One that was removed lets no time pass: it asks for no votes. */
static void on_tick(struct raft_io *io)
{
    struct engine *e = engine_of(io);

    if (engine_vote_is_stored(e) && !engine_is_out(e)) {
        if (raft_state(&e->raft) == RAFT_LEADER)
            tick_leader(e, e->raft.heartbeat_timeout);
        else
            e->tick(io);
    }
    engine_state_note_stored(e);
}

static int start_io(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb recv)
{
    struct engine *e = engine_of(io);

    e->recv = recv;
    e->tick = tick;
    return e->start_io(io, msecs, on_tick, on_message);
}

static void set(struct engine *e)
{
    raft_uv_set_auto_recovery(&e->io, false);
    raft_uv_set_connect_retry_delay(&e->io, CONNECT_RETRY_MS);
    raft_uv_set_disk_retry(&e->io, DISK_RETRY_MS);
    engine_vote_prepare(e);
    e->start_io = e->io.start;
    e->send = e->io.send;
    e->io.send = send_message;
    e->append = e->io.append;
    e->io.append = append;
    e->io.start = start_io;
}

static void set_raft(struct engine *e)
{
    const enum roster_profile profile = (enum roster_profile)e->member.profile;

    raft_set_pre_vote(&e->raft, true);
    raft_set_election_timeout(&e->raft, roster_election_ms(profile));
    raft_set_heartbeat_timeout(&e->raft, roster_heartbeat_ms(profile));
    /* Who recovers has not the owner's state, which a snapshot would be of. */
    raft_set_snapshot_threshold(&e->raft, e->options.recovers ? UINT_MAX : LOG_SIZES_N);
    raft_set_snapshot_trailing(&e->raft, LOG_SIZES_N);
}

/* What an earlier try of a first start has left. */
static void clear(const struct engine *e)
{
    (void)unlinkat(e->log_fd, "metadata1", 0);
    (void)unlinkat(e->log_fd, "metadata2", 0);
}

static int init_raft(struct engine *e)
{
    char name[ENGINE_ID_TEXT_MAX];

    engine_id_text(engine_store_id(e), name);
    e->peers = engine_transport_new(&e->self, &e->loop.uv, kick, e, &e->transport);
    if (e->peers == NULL)
        return RAFT_NOMEM;
    int code = raft_uv_init(&e->io, &e->loop.uv, e->log_path, &e->transport);
    if (code != 0)
        return code;
    set(e);
    engine_replay_prepare(e);
    engine_snapshot_prepare(e);
    engine_tally_prepare(e);
    code = raft_init(&e->raft, &e->io, &e->fsm, engine_store_id(e), name);
    if (code != 0)
        raft_uv_close(&e->io);
    return code;
}

/* Who has joined begins with nothing: the leader brings it all. */
static int open_raft(struct engine *e)
{
    const bool is_first = e->stored.last_index == 0 && !e->member.has_joined;

    if (is_first)
        clear(e);
    int code = init_raft(e);
    if (code != 0)
        return code;
    e->raft.data = e;
    set_raft(e);
    if (is_first)
        code = bootstrap(e);
    if (code == 0 && e->options.recovers)
        code = engine_recover_configure(e);
    if (code == 0)
        code = raft_start(&e->raft);
    if (code == 0 && raft_last_index(&e->raft) < e->stored.last_index)
        code = RAFT_CORRUPT;
    if (code == 0)
        code = engine_replay(e);
    e->has_started = code == 0;
    e->started_ms = loop_now_ms(e->loop.loop);
    return code;
}

/* With the file `member` of before it had joined it would be a stranger to the others, and
 * could open none of the keys that are described. */
static int check_key(struct engine *e, struct strb *wrong)
{
    const int rc = roster_is_made(e->roster)
                       ? engine_peers_check_key(e, roster_authority_key(e->roster))
                       : 0;

    e->must_save = e->must_save && rc == 0; /* it stays as it was found */
    if (rc == WERR_CORRUPT)
        strb_addf(wrong, "%s/member: has another cluster key than the cluster; %s",
                  e->dir->path, data_dir_way_out);
    else if (rc < 0)
        strb_addf(wrong, "%s/member: %s", e->dir->path, werr_text(rc));
    return rc;
}

static int start_raft(struct engine *e, struct strb *wrong)
{
    const int code = open_raft(e);

    if (code == 0)
        return check_key(e, wrong);
    if (engine_is_halted(e)) {
        strb_addf(wrong, "%s: %s", e->log_path, e->halt.why);
        return e->halt_error;
    }
    strb_addf(wrong, "%s: the engine can't start: %s %s", e->log_path, raft_strerror(code),
              e->raft.data != NULL ? raft_errmsg(&e->raft) : e->io.errmsg);
    return engine_store_error(code);
}

static int begin(struct engine *e, struct strb *wrong)
{
    if (raft_version_number() < VERSION_MIN) {
        strb_addf(wrong, "libraft is too old: %d", raft_version_number());
        return WERR_UNSUPPORTED;
    }
    const bool joins = e->dir->is_new && e->options.join.family != 0;
    int rc = open_own(e, wrong);
    if (rc == 0)
        rc = engine_peers_open(e, wrong);
    if (rc == 0)
        rc = engine_recover_check(e, wrong);
    if (rc < 0)
        return rc;
    if (joins)
        return engine_join_start(e, wrong);
    rc = data_dir_settle(e->dir, wrong);
    return rc == 0 ? start_raft(e, wrong) : rc;
}

int engine_store_begin(struct engine *e)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    int rc = data_dir_settle(e->dir, &wrong);
    if (rc == 0)
        rc = start_raft(e, &wrong);
    if (rc < 0)
        log_error("what is stored can't be used", LOG_B("why", strb_span(&wrong)));
    engine_kick(e);
    return rc;
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

    engine_replay_forget(e);
    if (e->high_water.fd >= 0)
        engine_state_note_stored(e);
    if (has_raft)
        raft_close(&e->raft, on_closed);
    engine_loop_stop(&e->loop);
    MUST(e->raft.data == NULL);
    if (has_raft)
        raft_uv_close(&e->io);
    if (e->peers != NULL)
        engine_transport_free(e->peers);
    if (e->high_water.fd >= 0) {
        if (high_water_sync(&e->high_water) < 0)
            log_warn("the high-water mark can't be synced");
        high_water_close(&e->high_water);
    }
    if (e->log_fd >= 0)
        (void)close(e->log_fd);
    free(e->log_path);
}
