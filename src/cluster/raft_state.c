#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/image.h"
#include "cluster/raft_entry.h"
#include "cluster/raft_int.h"
#include "log/log.h"

/* What libraft asks of the state that is agreed on: hand an entry over, make a snapshot, take
 * one. */

enum { AGAIN_MS = 100 };

static struct engine *engine_of(struct raft_fsm *fsm)
{
    return fsm->data;
}

/* ---- the high-water mark ---- */

static void sync_file(uv_work_t *work)
{
    struct engine *e = work->data;

    e->sync_error = fdatasync(e->high_water.fd) < 0 ? WERR_IO : 0;
}

static void on_synced(uv_work_t *work, int status)
{
    struct engine *e = work->data;

    if (status < 0 || e->sync_error < 0)
        log_warn("the high-water mark can't be synced");
    high_water_sync_end(&e->high_water, status < 0 ? WERR_IO : e->sync_error);
    if (e->vote_is_new)
        (void)engine_vote_note(e);
}

static bool is_syncing(const struct engine *e)
{
    return e->high_water.syncing != HIGH_WATER_SLOTS;
}

static void begin_sync(struct engine *e)
{
    if (is_syncing(e) || !high_water_is_behind(&e->high_water))
        return;
    high_water_sync_begin(&e->high_water);
    e->sync_work.data = e;
    if (uv_queue_work(&e->loop.uv, &e->sync_work, sync_file, on_synced) < 0)
        high_water_sync_end(&e->high_water, WERR_NOMEM);
    engine_loop_kick(&e->loop);
}

static void on_sync_timer(struct timer *t)
{
    begin_sync((struct engine *)((char *)t - offsetof(struct engine, sync)));
}

static void write_mark(struct engine *e, const struct high_water_mark *mark)
{
    if (high_water_write(&e->high_water, mark->index, 0, mark->checksum) < 0)
        log_warn("the high-water mark can't be written", LOG_U("index", mark->index));
    if (e->is_closing)
        return; /* the file is synced as it is closed */
    if (high_water_is_due(&e->high_water))
        begin_sync(e);
    else if (!timer_is_set(&e->sync))
        loop_timer_in(e->loop.loop, &e->sync, HIGH_WATER_SYNC_MS);
}

void engine_state_note_stored(struct engine *e)
{
    const uint64_t stored = e->raft.last_stored;

    if (e->ballot.is_owed)
        return;
    if (e->applied_mark.index <= e->high_water.mark.index)
        return;
    if (e->applied_mark.index <= stored) {
        write_mark(e, &e->applied_mark);
        return;
    }
    if (e->awaited_mark.index > e->high_water.mark.index && e->awaited_mark.index <= stored)
        write_mark(e, &e->awaited_mark);
    if (e->awaited_mark.index <= e->high_water.mark.index)
        e->awaited_mark = e->applied_mark;
}

/* Before its proposer hears. Entries that were stored before are known already. A leader may
 * apply what others have stored and its own disk has not: were it noted now, and the process
 * killed, the log would end below its mark for no fault of anybody's. Such a mark is awaited,
 * and not put off for each newer one. */
static void note(struct engine *e, uint64_t index, uint64_t checksum)
{
    e->applied_mark = (struct high_water_mark){.index = index, .checksum = checksum};
    engine_state_note_stored(e);
}

/* It is on disk when it is taken over. */
static void note_snapshot(struct engine *e, uint64_t index)
{
    e->applied_mark = (struct high_water_mark){.index = index};
    if (index > e->high_water.mark.index)
        write_mark(e, &e->applied_mark);
}

/* ---- entries ---- */

/* A start looks at what it applies again by itself, and says more. */
static int check_made(const struct engine *e, const struct roster_command *c)
{
    if (c->type != ROSTER_MAKE || roster_is_made(e->roster) || !e->has_started)
        return 0;
    const int rc = engine_peers_check_key(e, c->authority_key);
    if (rc == WERR_CORRUPT)
        log_error("the file member has another cluster key than the cluster",
                  LOG_S("directory", e->dir->path), LOG_S("way_out", data_dir_way_out));
    return rc;
}

/* What the roster makes of it is the same in all members, refusals too. *level: what it needs.
 */
static int apply_roster(struct engine *e, struct span bytes, uint8_t *level, int *said)
{
    const uint8_t before = roster_level(e->roster);
    struct roster_command command;
    int rc = roster_command_decode(bytes, &command);

    if (rc == 0)
        rc = check_made(e, &command);
    if (rc < 0)
        return rc;
    const struct roster_member *m = roster_find(e->roster, command.member.id);
    const struct roster_member was = m != NULL ? *m : (struct roster_member){.id = 0};
    *said = roster_apply(e->roster, &command);
    if (*said == WERR_NOMEM)
        return WERR_NOMEM;
    /* It has told that it knows this level, and is an older Weldr by now. */
    *level = roster_level(e->roster);
    if (*level > e->options.level)
        return WERR_UNSUPPORTED;
    engine_level_changed(e, before);
    if (*said == 0) {
        engine_move_note(e, &was, roster_find(e->roster, was.id));
        engine_peers_changed(e, &command);
    }
    return 0;
}

static int apply_known(struct engine *e, uint64_t index, struct engine_entry_view *view,
                       int *said)
{
    const struct cluster_hooks *hooks = &e->cluster.hooks;

    if (view->level > e->options.level)
        return WERR_UNSUPPORTED;
    *said = 0;
    return view->type == ENGINE_ENTRY_ROSTER
               ? apply_roster(e, view->command, &view->level, said)
               : hooks->on_commit(hooks->arg, index, view->command);
}

/* libraft counts entries alone. */
static void count_bytes(struct engine *e, uint64_t index, size_t bytes)
{
    log_sizes_add(&e->sizes, index, bytes);
    if (log_sizes_is_over(&e->sizes) && !e->options.recovers)
        raft_set_snapshot_threshold(&e->raft, 1);
}

int engine_apply(struct engine *e, uint64_t index, const struct raft_buffer *buf, int *said)
{
    const struct span whole = span_from(buf->base, buf->len);
    struct engine_entry_view view;
    int rc = engine_entry_read(whole, &view);

    if (rc == 0)
        rc = apply_known(e, index, &view, said);
    if (rc == WERR_NOMEM)
        return rc;
    if (rc < 0) {
        engine_halt(e, rc, &(struct engine_unread){.index = index, .level = view.level});
        return rc;
    }
    e->index = index;
    note(e, index, high_water_checksum(whole));
    count_bytes(e, index, whole.len);
    return 0;
}

/* What the proposer hears. */
static void set_result(void **result, int said)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): libraft hands on pointers alone */
    *result = (void *)(intptr_t)said;
}

/* No memory for an entry. Of who leads libraft bears an error. Elsewhere the entry comes with a
 * message, whose entries libraft frees once more for an error (0.22.1: recvCb), and it is not
 * handed over again before something else is committed. So there it is told that the entry was
 * taken, and not to go on; behind the message engine_state_settle takes that back, and the next
 * heartbeat commits it once more. */
static int put_off(struct engine *e, uint64_t index)
{
    if (raft_state(&e->raft) == RAFT_LEADER) {
        loop_timer_in(e->loop.loop, &e->again, AGAIN_MS);
        return RAFT_NOMEM;
    }
    if (e->put_off == 0)
        e->put_off = index;
    e->raft.commit_index = e->put_off - 1;
    return 0;
}

void engine_state_settle(struct engine *e)
{
    if (e->put_off == 0)
        return;
    e->raft.last_applied = e->put_off - 1;
    e->raft.commit_index = e->put_off - 1;
    e->put_off = 0;
}

static int take_entry(struct engine *e, uint64_t index, const struct raft_buffer *buf,
                      int *said)
{
    if (index <= e->index || engine_is_halted(e))
        return 0;
    return e->put_off != 0 || e->held.base != NULL ? WERR_NOMEM
                                                   : engine_apply(e, index, buf, said);
}

static int apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
    struct engine *e = engine_of(fsm);
    const uint64_t index = raft_last_applied(&e->raft) + 1;
    int said = 0;

    if (e->is_closing)
        return RAFT_SHUTDOWN;
    if (take_entry(e, index, buf, &said) == WERR_NOMEM) {
        set_result(result, WERR_OUTCOME_UNKNOWN);
        return put_off(e, index);
    }
    if (e->held.base == NULL)
        timer_stop(loop_timers(e->loop.loop), &e->again);
    set_result(result, engine_is_halted(e) ? WERR_OUTCOME_UNKNOWN : said);
    return 0;
}

/* ---- snapshots: length of the roster (u64, little endian), the roster, the owner's bytes ----
 */

enum { PARTS = 3 };

static int put_roster(struct engine *e, struct raft_buffer *to)
{
    char *bytes;
    size_t len;
    int rc = roster_encode(e->roster, &bytes, &len);

    if (rc < 0)
        return rc;
    to->len = sizeof(uint64_t) + len;
    to->base = raft_malloc(to->len);
    if (to->base != NULL) {
        const uint64_t n = htole64(len);

        memcpy(to->base, &n, sizeof(n));
        memcpy((char *)to->base + sizeof(n), bytes, len);
    }
    free(bytes);
    return to->base != NULL ? 0 : WERR_NOMEM;
}

static int put_parts(struct engine *e, struct raft_buffer list[PARTS])
{
    const struct cluster_hooks *hooks = &e->cluster.hooks;
    char *bytes;
    size_t len;

    list[0] =
        (struct raft_buffer){.base = raft_malloc(IMAGE_HEAD_BYTES), .len = IMAGE_HEAD_BYTES};
    if (list[0].base == NULL || put_roster(e, &list[1]) < 0)
        return WERR_NOMEM;
    const int rc = hooks->on_snapshot(hooks->arg, &bytes, &len);
    if (rc == 0)
        list[2] = (struct raft_buffer){.base = bytes, .len = len};
    return rc;
}

/* Not while the state is older than libraft believes. */
/* Of several changes of who votes that are applied at once, as behind a start, libraft (0.22.1:
 * legacyHandleEvent) may take a snapshot before it has noted that the last one is committed: it
 * would be of an index behind that change, and have those who voted before it. From such a
 * snapshot a start never finds the way back: this node would go on by a configuration that
 * nobody else has. */
static bool is_change_coming(const struct engine *e)
{
    return e->raft.configuration_uncommitted_index != 0 &&
           e->raft.configuration_uncommitted_index <=
               raft_commit_index((struct raft *)&e->raft);
}

bool engine_state_can_snapshot(const struct engine *e)
{
    return !engine_is_halted(e) && !engine_is_behind(e) && e->put_off == 0 &&
           !is_change_coming(e);
}

void engine_state_snapshot_begun(struct engine *e)
{
    raft_set_snapshot_threshold(&e->raft, LOG_SIZES_N);
    raft_set_snapshot_trailing(&e->raft, log_sizes_snapshot(&e->sizes));
}

/* raft_malloc is malloc, which the owner's bytes come from: libraft frees them. In a child,
 * too, which changes nothing of this process. */
static int snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct engine *e = engine_of(fsm);
    struct raft_buffer *list;

    list = raft_calloc(PARTS, sizeof(*list));
    if (list == NULL)
        return RAFT_NOMEM;
    if (put_parts(e, list) < 0) {
        raft_free(list[0].base);
        raft_free(list[1].base);
        raft_free(list);
        return RAFT_NOMEM;
    }
    const struct span pieces[] = {span_from(list[1].base, list[1].len),
                                  span_from(list[2].base, list[2].len)};
    image_make_of(
        &(struct image){.index = raft_last_applied(&e->raft), .level = engine_level(e)}, pieces,
        PARTS - 1, list[0].base);
    *bufs = list;
    *n_bufs = PARTS;
    return 0;
}

/* The owner's bytes, behind the roster, which is read. */
static int cut_roster(struct span *bytes, struct roster *roster)
{
    uint64_t n;

    if (bytes->len < sizeof(n))
        return WERR_CORRUPT;
    memcpy(&n, bytes->ptr, sizeof(n));
    *bytes = span_skip(*bytes, sizeof(n));
    n = le64toh(n);
    if (n > bytes->len)
        return WERR_CORRUPT;
    const int rc = roster_decode(roster, span_from(bytes->ptr, n));
    *bytes = span_skip(*bytes, n);
    return rc;
}

/* All of it or nothing: what can't be read leaves the state as it is. */
static int take_image(struct engine *e, const struct image *image)
{
    const struct cluster_hooks *hooks = &e->cluster.hooks;
    struct span bytes = image->bytes;
    struct roster *fresh;

    if (image->level > e->options.level)
        return WERR_UNSUPPORTED;
    fresh = roster_new();
    if (fresh == NULL)
        return WERR_NOMEM;
    int rc = cut_roster(&bytes, fresh);
    if (rc == 0)
        rc = hooks->on_restore(hooks->arg, image->index, bytes);
    for (unsigned i = 0; rc == 0 && i < roster_member_n(e->roster); i++) {
        const struct roster_member *m = roster_member_at(e->roster, i);

        engine_move_note(e, m, roster_find(fresh, m->id));
    }
    if (rc == 0)
        roster_copy(e->roster, fresh);
    roster_free(fresh);
    return rc;
}

/* A start on one that can't be read is refused: there is no state to begin with. One that comes
 * from the leader is on disk by now, and libraft's business; for this node it does not exist.
 */
static int halt_at(struct engine *e, const struct image *image, int rc)
{
    engine_halt(e, rc,
                &(struct engine_unread){
                    .index = image->index, .level = image->level, .is_snapshot = true});
    return e->has_started ? 0 : rc == WERR_CORRUPT ? RAFT_CORRUPT : RAFT_MALFORMED;
}

/* WERR_NOMEM: nothing of it is taken; else *code is for libraft. */
static int take_snapshot(struct engine *e, const struct raft_buffer *buf, int *code)
{
    struct image image = {0};
    int rc = image_open(span_from(buf->base, buf->len), &image);

    if (rc == 0)
        rc = take_image(e, &image);
    *code = rc < 0 && rc != WERR_NOMEM ? halt_at(e, &image, rc) : 0;
    if (rc == 0) {
        e->index = image.index;
        engine_peers_changed(e, NULL);
        note_snapshot(e, image.index);
        log_sizes_restart(&e->sizes, image.index);
    }
    return rc;
}

static void drop_held(struct engine *e)
{
    raft_free(e->held.base);
    e->held = (struct raft_buffer){.base = NULL};
}

/* One that comes from the leader comes once. It is kept until there is memory for it, and the
 * entries behind it wait. */
static int restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct engine *e = engine_of(fsm);
    int code = 0, rc = 0;

    drop_held(e);
    if (!engine_is_halted(e))
        rc = take_snapshot(e, buf, &code);
    if (rc == WERR_NOMEM && !e->has_started)
        return RAFT_NOMEM;
    if (rc == WERR_NOMEM) {
        log_warn("no memory for a snapshot of the leader: it is tried again");
        e->held = *buf;
        loop_timer_in(e->loop.loop, &e->again, AGAIN_MS);
    } else if (code == 0) {
        raft_free(buf->base);
    }
    return code;
}

/* ---- again, when there may be memory ---- */

static void on_barrier(struct raft_barrier *req, int status)
{
    (void)status;
    free(req);
}

/* Who leads is handed over what it could not take when it commits something: so it commits
 * nothing. */
static void commit_nothing(struct engine *e)
{
    struct raft_barrier *req = calloc(1, sizeof(*req));

    if (req == NULL)
        return;
    uv_update_time(&e->loop.uv);
    if (raft_barrier(&e->raft, req, on_barrier) != 0)
        free(req);
    engine_loop_kick(&e->loop);
}

static void on_again_timer(struct timer *t)
{
    struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, again));
    int code;

    if (e->held.base != NULL && take_snapshot(e, &e->held, &code) != WERR_NOMEM)
        drop_held(e);
    if (e->held.base != NULL || raft_state(&e->raft) == RAFT_LEADER)
        loop_timer_in(e->loop.loop, &e->again, AGAIN_MS);
    if (raft_state(&e->raft) == RAFT_LEADER && !e->ballot.is_owed)
        commit_nothing(e);
    engine_kick(e);
}

void engine_state_init(struct engine *e)
{
    e->fsm = (struct raft_fsm){
        .version = 1, .data = e, .apply = apply, .snapshot = snapshot, .restore = restore};
    timer_init(&e->again, on_again_timer);
    timer_init(&e->sync, on_sync_timer);
}

void engine_state_fini(struct engine *e)
{
    timer_stop(loop_timers(e->loop.loop), &e->again);
    timer_stop(loop_timers(e->loop.loop), &e->sync);
    drop_held(e);
}
