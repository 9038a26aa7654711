/* raft_int.h - what the files of the engine share: raft_engine.c (operations), raft_state.c
 * (what libraft asks of the state that is agreed on), raft_store.c (start and end on disk),
 * raft_vote.c (the term and the vote there), raft_heap.c (the memory of libraft), raft_peers.c
 * (who this node is among others, and where they call), raft_member.c (that on disk),
 * raft_forward.c (what only the leader can do), raft_share.c (what members tell each other and
 * nobody keeps), raft_steward.c (who votes), raft_contact.c (who is heard of), raft_level.c
 * (what all understand), raft_halt.c (what this node does not), raft_snapshot.c (what a child
 * encodes), raft_tally.c (what is counted), raft_vips.c and raft_vip_ops.c (who may hold
 * virtual IPs), raft_testament.c (who has died), raft_orders.c (what members ask of each
 * other), raft_move.c (where members are), raft_admit.c (newcomers), raft_join.c (being one),
 * raft_recover.c (one node that is left becomes the cluster). */
#ifndef WELDR_CLUSTER_RAFT_INT_H
#define WELDR_CLUSTER_RAFT_INT_H

#include <raft.h>
#include <raft/uv.h>
#include <sys/queue.h>

#include "cluster/bytes.h"
#include "cluster/cluster.h"
#include "cluster/gate.h"
#include "cluster/grantor.h"
#include "cluster/high_water.h"
#include "cluster/holding.h"
#include "cluster/log_sizes.h"
#include "cluster/member_file.h"
#include "cluster/peer_messages.h"
#include "cluster/raft_dead.h"
#include "cluster/raft_entry.h"
#include "cluster/raft_heard.h"
#include "cluster/raft_loop.h"
#include "cluster/raft_ordered.h"
#include "cluster/raft_transport.h"
#include "cluster/retry.h"
#include "cluster/segments.h"
#include "cluster/vips_alone.h"

enum request_stage {
    REQUEST_HERE,    /* libraft has it */
    REQUEST_WAITING, /* for a link to who leads */
    REQUEST_SENT,    /* to who leads */
    REQUEST_AWAITED, /* it was committed, and is not applied here yet */
    REQUEST_ENDED    /* its done is to be called */
};

/* A request whose done is owed: of the owner, of another node, of the engine itself. */
struct request {
    TAILQ_ENTRY(request) entry;
    struct engine *engine;
    union {
        struct raft_apply apply;
        struct raft_barrier barrier;
        struct raft_change change;
        struct raft_transfer transfer;
    };
    uint8_t stage; /* enum request_stage */
    cluster_done_fn done;
    cluster_text_fn text_done; /* in its place: of a token */
    void *arg;
    struct peer_request wanted; /* of one that goes to another node; entry is its own: … */
    char *bytes;                /* … this */
    int error;
    uint64_t index;
    char text[TOKEN_TEXT_MAX];
};
TAILQ_HEAD(requests, request);

/* When this node, as the leader, heard of another one last. */
struct contact {
    uint64_t id; /* 0: free */
    uint64_t at_ms;
};

struct kept; /* an entry that was stored (raft_replay.c) */

/* A member's link to this node, of which responses are owed: it lives until it is closed and
 * none is (raft_forward.c). */
struct caller {
    LIST_ENTRY(caller) entry; /* while its link is there */
    struct engine *engine;    /* NULL: gone */
    struct link *link;        /* NULL: closed */
    uint64_t id;
    unsigned owed_n;
};
LIST_HEAD(callers, caller);

struct joining;

/* A snapshot that is being made (raft_snapshot.c). */
struct taking {
    pid_t pid;         /* of the child that encodes it; 0: none */
    int pidfd, fd;     /* of that child, and where its bytes are; -1 */
    uint64_t again_ms; /* not before: one has failed */
    struct loop_watch watch;
    struct timer deadline;
    struct raft_buffer bytes; /* mapped, once the child has ended */
    struct raft_snapshot snapshot;
    struct raft_io_snapshot_put own_put, *put; /* put: libraft's, whose callback is owed */
    unsigned trailing;
    int (*encode)(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs);
    int (*snapshot_put)(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                        const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb);
    void (*close)(struct raft_io *io, raft_io_close_cb cb);
};

/* The term and the vote that were to be stored last (raft_vote.c). */
struct ballot {
    raft_term term;
    raft_id voted_for;
    bool is_owed; /* they are not on disk, and the node keeps quiet */
    uint64_t again_ms;
};

/* The member file, as it is being written (raft_member.c). */
struct saving {
    uv_work_t work;
    char *bytes; /* NULL: it is not */
    size_t len;
    int error;
    bool has_failed;   /* and was told to have */
    uint64_t again_ms; /* not before: it has failed */
};

/* What is counted (raft_tally.c). */
struct tally {
    struct cluster_tally told;
    uint64_t known_term; /* of which who leads is counted */
    uint64_t stood_term; /* of an election that is not decided; 0: none is */
    uint64_t won_term;
    uint64_t put_ms; /* when the snapshot that is being stored was begun, … */
    bool is_received;
    int (*snapshot_put)(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                        const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb);
    struct raft_io_snapshot_put own_put, *put; /* … put: libraft's, whose callback is owed */
    raft_io_snapshot_put_cb put_cb;
};

/* A move that an operator waits for, while this node leads. */
struct engine_vip_move {
    struct addr address;
    uint64_t id, end_ms;
    struct request *request; /* NULL: free */
};
enum { ENGINE_VIP_MOVES_MAX = 8 };

/* Virtual IPs (raft_vips.c). */
struct engine_vips {
    struct vips_alone alone; /* of a node that was never one of several */
    unsigned wish_n;
    struct cluster_vip_wish wishes[CLUSTER_VIPS_MAX];
    struct holding holding; /* of this node */
    struct grantor grantor; /* while it leads */
    struct timer tick;
    bool must_ask;        /* at once */
    bool is_touched;      /* there is something to do */
    bool is_barred;       /* the barrier that proves the lead is under way, … */
    uint64_t barred_term; /* … of this term */
    struct engine_vip_move moves[ENGINE_VIP_MOVES_MAX];
    unsigned told_n; /* what the owner has heard of; lease_ns: is there one */
    struct cluster_vip told[CLUSTER_VIPS_MAX];
    struct vip_ask ask; /* what is being written or read */
    struct vip_grant grant;
};

struct engine {
    struct cluster cluster; /* first: the cluster that callers hold */
    struct engine_loop loop;
    struct data_dir *dir;
    struct cluster_options options;
    int log_fd; /* of what is stored; -1 */
    char *log_path;
    struct high_water high_water;                      /* fd -1: not open */
    struct high_water_mark applied_mark, awaited_mark; /* of the last entry applied; of one that
                                                          was not stored here yet */
    struct segments stored;                            /* when it started */
    struct raft_uv_transport transport;
    struct raft_io io;
    int (*set_term)(struct raft_io *io, raft_term term); /* libraft's own */
    int (*set_vote)(struct raft_io *io, raft_id id);
    struct ballot ballot;
    int (*start_io)(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb recv);
    int (*send)(struct raft_io *io, struct raft_io_send *req,
                const struct raft_message *message, raft_io_send_cb cb);
    int (*append)(struct raft_io *io, struct raft_io_append *req,
                  const struct raft_entry entries[], unsigned n, raft_io_append_cb cb);
    raft_io_recv_cb recv;
    raft_io_tick_cb tick;
    int (*load)(struct raft_io *io, raft_term *term, raft_id *voted_for,
                struct raft_snapshot **snapshot, raft_index *start_index,
                struct raft_entry *entries[], size_t *n_entries);
    struct kept *kept;
    size_t kept_n;
    struct taking taking;
    struct tally tally;
    struct raft_fsm fsm;
    struct raft raft;
    struct requests owed;    /* in any stage but ENDED */
    struct requests ended;   /* the outcome is known, done is not called yet */
    struct timer again;      /* what the owner had no memory for */
    uint64_t put_off;        /* such an entry, while libraft hands on entries; 0: none */
    struct raft_buffer held; /* such a snapshot; base NULL: none */
    struct timer sync;       /* of the high-water file */
    uv_work_t sync_work;
    int sync_error;
    int halt_error; /* WERR_*; 0: it has not halted */
    struct log_sizes sizes;
    uint64_t index;     /* handed over */
    uint64_t leader_id; /* 0: none is known */
    uint64_t term;
    uint8_t role; /* enum cluster_role */
    bool has_settled;
    bool is_catching_up; /* a barrier to the leader is under way, before that */
    bool has_caught_up;  /* … and was applied here */
    bool vote_is_new;    /* to be noted when the sync of the mark that is under way is over */
    bool is_closing;
    bool has_started; /* what was stored is applied */
    bool halt_is_told;
    bool is_lost;        /* on_lost was called */
    bool is_making_room; /* for a segment: raft_space.c */
    bool lacks_room;     /* the disk is nearly full, as the log was told */
    struct cluster_halt halt;

    /* ---- among others ---- */
    struct roster *roster;
    unsigned char *node_key;
    struct member_file member;
    uint64_t certificate_end_s; /* of the member's */
    struct retry renewal;       /* … and of making a new one */
    struct link_self self;
    struct gate *gate;            /* NULL: nobody can call */
    struct raft_transport *peers; /* NULL: alone, always */
    struct timer tend;            /* looks after members, links and the certificate */
    bool is_changing;             /* members: one change at a time */
    bool is_making;               /* the cluster is being made */
    bool is_recovering;           /* the recovery was proposed */
    bool was_recovered;           /* … and this is the first start behind it */
    bool is_leveling;             /* a level was proposed, or what this node knows */
    uint64_t moving;              /* whose address is being changed; 0: nobody's */
    uint64_t unmoved;             /* of whom that was refused last; 0: of nobody */
    uint64_t move_ms;             /* not before this time again */
    struct link *hail;            /* to whom this node's address is told; NULL: to nobody */
    unsigned hailed_n;
    bool has_news; /* of the roster, not told yet */
    bool standby_is_told;
    bool must_save; /* the member file has not all of what belongs in it, nor gets it now */
    struct saving saving;
    bool was_removed; /* from the roster */
    struct raft_change change;
    struct contact contacts[ROSTER_MEMBERS_MAX];
    struct contact promoted;  /* who was made a voter on request, while this node leads */
    struct link *leader_link; /* to who leads; NULL: none */
    uint64_t link_leader;     /* whom it calls */
    struct callers callers;
    uint64_t sequence; /* of requests */
    uint64_t led_since_ms;
    uint64_t started_ms;
    raft_index told_commit;  /* to followers, of this process, last */
    struct joining *joining; /* NULL: not under way */
    struct engine_vips vips;
    struct engine_testament testament;
    struct orders orders; /* to others, not answered yet */
    struct token token;   /* what it joins with … */
    int token_error;      /* … or why it can't be read */
};

/* What libraft has handed over last is not all in the state yet: it has halted, or a snapshot
 * waits for memory. */
static inline bool engine_is_behind(const struct engine *e)
{
    return e->halt_error != 0 || e->held.base != NULL;
}

/* How far the state is. Commands alone count in e->index. */
static inline uint64_t engine_applied(const struct engine *e)
{
    const raft_index last = raft_last_applied((struct raft *)&e->raft);

    return last > e->index && !engine_is_behind(e) ? last : e->index;
}

/* It knows of its removal, by the log or from a member: it is of the past for the others. */
static inline bool engine_was_removed(const struct engine *e)
{
    return e->was_removed || e->self.was_removed;
}

/* … and has nothing left to do, as one that leads has: to give that away. */
static inline bool engine_is_out(const struct engine *e)
{
    return engine_was_removed(e) && e->raft.data != NULL &&
           raft_state((struct raft *)&e->raft) != RAFT_LEADER;
}

/* An entry or a snapshot can't be read: nothing more is handed over. */
static inline bool engine_is_halted(const struct engine *e)
{
    return e->halt_error != 0;
}

static inline bool engine_has_peers(const struct engine *e)
{
    return e->roster != NULL && roster_member_n(e->roster) > 1;
}

/* Where others call this node; family 0: nowhere. It holds before the roster says so. */
static inline struct addr engine_own_address(const struct engine *e)
{
    return e->gate != NULL ? e->member.address : (struct addr){.family = 0};
}

/* ---- raft_engine.c ---- */

/* A request; NULL: no memory. */
struct request *engine_request_new(struct engine *e, cluster_done_fn done, void *arg);
/* Its outcome is known: done is called when libraft has left the stage. error: WERR_*. */
void engine_request_end(struct request *q, int error, uint64_t index);
/* Those that go nowhere: told, and never taken. */
void engine_request_free(struct request *q);
void engine_request_drop(struct request *q);
/* This node leads: done comes when it was applied here. As cluster_ops.propose. */
int engine_propose_here(struct engine *e, enum engine_entry_type type, struct span entry,
                        const uint8_t *request_id, cluster_done_fn done, void *arg) MUST_USE;
int engine_propose_roster(struct engine *e, const struct roster_command *c,
                          cluster_done_fn done, void *arg) MUST_USE;
int engine_barrier_here(struct engine *e, cluster_done_fn done, void *arg) MUST_USE;
/* After any call into libraft from outside. */
void engine_kick(struct engine *e);
void engine_lose(struct engine *e, int error, const char *why);

/* ---- raft_state.c ---- */

void engine_state_init(struct engine *e);
void engine_state_fini(struct engine *e);
/* libraft has taken a message: what was put off is not applied, as it is told now. */
void engine_state_settle(struct engine *e);
/* More of the log may be on disk than before: the high-water mark follows what was applied. */
void engine_state_note_stored(struct engine *e);
bool engine_state_can_snapshot(const struct engine *e);
/* One is under way: what libraft keeps behind it, and when the next one is due. */
void engine_state_snapshot_begun(struct engine *e);

/* An entry of the log, once. WERR_NOMEM: not yet; otherwise the engine has halted. said: what
 * the roster says of an entry of its own. */
int engine_apply(struct engine *e, uint64_t index, const struct raft_buffer *buf,
                 int *said) MUST_USE;

/* ---- raft_halt.c ---- */

/* What can't be read, as far as it can be told. */
struct engine_unread {
    uint64_t index;
    uint8_t level;
    bool is_snapshot;
};
/* WERR_UNSUPPORTED, WERR_CORRUPT. Once: later ones are passed over. */
void engine_halt(struct engine *e, int error, const struct engine_unread *what);
/* After a run of libuv's loop: the log, the owner, and whoever waits for what is not applied
 * any more. Once, when the owner has heard of what is stored. */
void engine_halt_tell(struct engine *e);

/* ---- raft_heap.c ---- */

/* Of the process: libraft never lacks memory for an entry, for that ends the process. */
void engine_heap_use(void);

/* ---- raft_level.c ---- */

/* Of features, that may be used: what the members have agreed on; alone what it knows. No
 * newcomer that knows less is let in. */
uint8_t engine_level(const struct engine *e);
/* False right after the first start: the cluster is being made, and says what its members know.
 * What needs a level is refused by what it says. */
bool engine_level_is_settled(const struct engine *e);
/* Of features, that whoever applies this entry has to know. */
uint8_t engine_level_of(const struct engine *e, enum engine_entry_type type, struct span entry);
/* This node leads: notes what it knows itself, raises the level; true: something is under way.
 */
bool engine_level_tend(struct engine *e);
/* WERR_UNSUPPORTED, told in the log: the member knows less than is in use. */
int engine_level_judge(const struct engine *e, const struct roster_member *m) MUST_USE;
void engine_level_changed(const struct engine *e, uint8_t before);

/* ---- raft_replay.c ---- */

/* Before raft_init, and behind raft_start; a code of libraft. */
void engine_replay_prepare(struct engine *e);
int engine_replay(struct engine *e);
void engine_replay_forget(struct engine *e);

/* ---- raft_snapshot.c ---- */

/* Before raft_init: snapshots are encoded by a child from now on. */
void engine_snapshot_prepare(struct engine *e);

/* ---- raft_tally.c ---- */

/* Behind engine_snapshot_prepare: snapshots are counted from now on. */
void engine_tally_prepare(struct engine *e);
/* After a run of libuv's loop, and after what follows from it for role, leader and term. */
void engine_tally_look(struct engine *e);

/* ---- raft_space.c ---- */

/* libraft has refused an entry for want of room: there may be some by now. */
void engine_space_look(struct engine *e);
/* Tells in the log when room becomes scarce, and when there is enough again. */
void engine_space_tend(struct engine *e);

/* ---- raft_store.c ---- */

/* Told in the log when it fails; engine_store_close in any case. */
int engine_store_open(struct engine *e) MUST_USE;
/* Of a node that has joined: now that it knows what. */
int engine_store_begin(struct engine *e) MUST_USE;
void engine_store_close(struct engine *e);
/* This node alone, which votes; a code of libraft. For raft_configuration_close in any case. */
int engine_store_configure(const struct engine *e, struct raft_configuration *configuration);
/* Its number in the engine, from the identity of the directory. */
uint64_t engine_store_id(const struct engine *e);
/* WERR_* for a code of libraft. */
int engine_store_error(int code);
/* Of who leads: followers are told what is committed, if they were not yet. */
void engine_store_beat(struct engine *e);

/* ---- raft_vote.c ---- */

/* Before raft_init: terms and votes go this way from now on. */
void engine_vote_prepare(struct engine *e);
/* The vote that libraft has stored, in our own file too; a code of libraft. */
int engine_vote_note(struct engine *e);
/* Now and then, and before anything that could change it: what is owed is tried again. */
bool engine_vote_is_stored(struct engine *e);
/* False: libraft is not to hear of this. */
bool engine_vote_hears(struct engine *e, const struct raft_message *message);

/* ---- raft_peers.c ---- */

/* Reads who it is; listens, if it does. */
int engine_peers_open(struct engine *e, struct strb *wrong) MUST_USE;
void engine_peers_close(struct engine *e);
/* The roster has changed by this command; NULL: it is another one whole. */
void engine_peers_changed(struct engine *e, const struct roster_command *c);
/* Kept in the directory: whoever asked this node to leave may stop it at once. */
void engine_peers_note_removed(struct engine *e);
/* Of the members: before those who have asked for it hear that it is done. */
void engine_peers_tell_news(struct engine *e);
/* What follows from all of that. */
void engine_peers_tend(struct engine *e);
/* It leads a cluster of one that nobody has made, and others are to reach it. */
void engine_peers_make_cluster(struct engine *e);
/* What is closed with the cluster key opens with this node's. WERR_CORRUPT: its member file is
 * an older one, of before it had joined; WERR_NOMEM. */
int engine_peers_check_key(const struct engine *e, struct span closed) MUST_USE;
/* In what links use, and to be kept in the member file. certificate is taken over in any case,
 * *key when this returns 0; on failure those that were there stay. */
int engine_peers_take_certificate(struct engine *e, char *certificate,
                                  struct seal_opened *key) MUST_USE;
/* A member's certificate for the key of a request; *certificate is heap. */
int engine_peers_sign(struct engine *e, uint64_t id, struct span request,
                      char **certificate) MUST_USE;
/* What a member's certificate is for: two names, in text. */
enum { ENGINE_NAME_MAX = 80 };
void engine_peers_name(const uint8_t *uuid, uint64_t id, char *text);
/* In the place of an address, which libraft wants to be another one for each. */
enum { ENGINE_ID_TEXT_MAX = 17 };
void engine_id_text(uint64_t id, char text[ENGINE_ID_TEXT_MAX]);
void engine_uuid_text(const uint8_t *uuid, char text[CLUSTER_HEX_ID_MAX]);
uint64_t engine_wall_s(const struct engine *e);

/* ---- raft_member.c ---- */

/* Now and then: what has changed is written, in another thread. */
void engine_member_tend(struct engine *e);
/* Here and now, before anything is said that rests on it. Told in the log when it fails. */
int engine_member_save(struct engine *e) MUST_USE;
/* What has changed is written while libuv's loop is run for the last time. */
void engine_member_close(struct engine *e);

/* ---- raft_forward.c ---- */

/* To who leads: done is owed. */
int engine_forward(struct engine *e, struct request *q, struct span entry) MUST_USE;
/* The leader is another, or a link has come or gone. */
void engine_forward_follow(struct engine *e);
/* What is awaited may be applied by now. */
void engine_forward_applied(struct engine *e);
/* Of who has not settled: it has all that the leader had when it first was up to date. */
bool engine_forward_caught_up(struct engine *e);
/* It was removed from the roster, and may not hear of that in the log any more. */
void engine_forward_tell_removed(struct engine *e, uint64_t id);
const struct link_ops *engine_forward_take(struct engine *e, struct link *l);
void engine_forward_close(struct engine *e);

/* ---- raft_share.c ---- */

/* As cluster_ops.share. */
void engine_share(struct engine *e, struct span bytes);
/* A message of that. WERR_CORRUPT: its sender is broken. */
int engine_share_from_leader(struct engine *e, struct span payload) MUST_USE;
int engine_share_from_caller(const struct caller *c, struct span payload) MUST_USE;

/* ---- raft_vips.c ---- */

void engine_vips_init(struct engine *e);
void engine_vips_stop(struct engine *e);
/* There is something to do, which is done when libuv's loop has run. */
void engine_vips_touch(struct engine *e);
/* After a run of libuv's loop, and after what follows from it for the role. */
void engine_vips_look(struct engine *e);
/* The link to who leads is open. */
void engine_vips_reach(struct engine *e);
/* Messages: of the leader, and of a member. WERR_CORRUPT: its sender is broken; WERR_NOMEM. */
int engine_vips_from_leader(struct engine *e, uint8_t type, struct span payload) MUST_USE;
int engine_vips_from_caller(const struct caller *c, struct span payload) MUST_USE;
/* Nobody has made a cluster, nor is about to: this node holds all, and asks nobody. */
bool engine_vips_is_alone(const struct engine *e);
/* All members know virtual IPs. */
bool engine_vips_is_known(const struct engine *e);

/* ---- raft_vip_ops.c: operations of cluster.h ---- */

void engine_vips_set(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n);
void engine_vips_set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why);
unsigned engine_vips(const struct cluster *c, struct cluster_vip *out, unsigned max);
void engine_vips_released(struct cluster *c, const struct addr *address);
/* As cluster_ops.move_vip, of who leads. */
int engine_vips_move(struct engine *e, const struct addr *address, uint64_t id,
                     cluster_done_fn done, void *arg) MUST_USE;
/* The same as a request to who leads: bytes has BYTES_ADDR_MAX, *entry is of them.
 * WERR_UNSUPPORTED: that may be an older Weldr, which takes such a request for damage. */
int engine_vips_write_move(const struct engine *e, const struct addr *address, char *bytes,
                           struct span *entry) MUST_USE;
/* ... and of another node's request. */
int engine_vips_move_of(struct engine *e, uint64_t id, struct span bytes, cluster_done_fn done,
                        void *arg) MUST_USE;
/* Moves that are agreed on by now end, and those that take too long. */
void engine_vips_look_at_moves(struct engine *e);
void engine_vips_end_moves(struct engine *e, int error);

/* ---- raft_steward.c ---- */

void engine_steward_init(struct engine *e);
/* This node leads: one step towards what the roster says. */
void engine_steward(struct engine *e);
/* Now and then: tells in the log of this node that it is a standby, why, and the way out. */
void engine_standby_tend(struct engine *e);
unsigned engine_steward_members(const struct engine *e, struct cluster_member *out,
                                unsigned max);
void engine_steward_status(const struct engine *e, struct cluster_status *out);
/* As the operations of the same names, of who leads. */
int engine_steward_remove(struct engine *e, uint64_t id, cluster_done_fn done,
                          void *arg) MUST_USE;
int engine_steward_promote(struct engine *e, uint64_t id, cluster_done_fn done,
                           void *arg) MUST_USE;
int engine_steward_transfer(struct engine *e, uint64_t id, cluster_done_fn done,
                            void *arg) MUST_USE;

/* ---- raft_move.c ---- */

/* Now and then: addresses that the roster does not have yet. */
void engine_move_tend(struct engine *e);
/* As cluster_ops.place_member, of who leads. */
int engine_move_place(struct engine *e, uint64_t id, const struct addr *address,
                      cluster_done_fn done, void *arg) MUST_USE;
/* The same as a request to who leads: bytes has BYTES_ADDR_MAX, *entry is of them.
 * WERR_UNSUPPORTED: that may be an older Weldr, which takes such a request for damage. */
int engine_move_write(const struct engine *e, const struct addr *address, char *bytes,
                      struct span *entry) MUST_USE;
/* ... and of another node's request. */
int engine_move_place_of(struct engine *e, uint64_t id, struct span bytes, cluster_done_fn done,
                         void *arg) MUST_USE;
/* What the roster says of a member that it had before; NULL: nothing. What it says anew of
 * where that is counts more than what the member told until now. */
void engine_move_note(struct engine *e, const struct roster_member *before,
                      const struct roster_member *now);
void engine_move_close(struct engine *e);

/* ---- raft_admit.c ---- */

const struct link_ops *engine_admit_take(struct engine *e, struct link *l);
/* A token, made here (this node leads). */
int engine_admit_token(struct engine *e, uint32_t lifetime_s, struct request *q) MUST_USE;

/* ---- raft_join.c ---- */

int engine_join_start(struct engine *e, struct strb *wrong) MUST_USE;
void engine_join_stop(struct engine *e);

/* ---- raft_recover.c ---- */

/* The directory may be started, or recovered, as the options say. */
int engine_recover_check(struct engine *e, struct strb *wrong) MUST_USE;
/* Before raft_start: libraft's configuration is this node alone; a code of libraft. */
int engine_recover_configure(struct engine *e);
/* Proposes the recovery when this node leads. */
void engine_recover_tend(struct engine *e);

#endif
