/* high_water.h - what this node has applied last: a log that ends below has lost writes.
 *
 * The engine drops a damaged end of its log silently (CLUSTER: one flipped byte, 66 of 100
 * acknowledged writes gone). So the index, term and checksum of the last applied entry are
 * noted in a file of ours, which the log is compared with at the next start (segments.h).
 *
 * The file has three slots of a block each. Marks go into one of them, again and again; the
 * one that was synced last is never touched, and the third takes the marks that come while the
 * second is being synced. So a torn write never loses a mark that was synced, and a sync can
 * run in another thread (high_water_sync_begin … fdatasync … high_water_sync_end).
 *
 * What it costs, and what was decided: a mark is one pwrite of 88 bytes into the page cache
 * (measured: 0.8 us, p99 0.9 us), before the proposer hears. It outlives the process, whatever
 * kills that. A sync of each mark would more than double the time of a commit (measured on ext4
 * on a virtual disk: p50 0.18 ms, p99 0.6 ms beside the engine's own 0.1 ms; on a real disk it
 * is 1-3 ms each) and would block the manager's loop. So marks are synced every
 * HIGH_WATER_SYNC_MS while there are new ones, HIGH_WATER_SYNC_ENTRIES after the last sync at
 * the latest, and when the node stops.
 *
 * The bound: after a power failure the mark may be that old; after anything else it is exact.
 * The entries themselves were synced by the engine before they were acknowledged, so a power
 * failure alone loses none. What can go unnoticed is a failure of the power together with
 * damage to the last batch of the log, written in the second before.
 *
 * Among several nodes a mark is of what this one has both applied and stored: a leader may
 * apply what others have stored before its own disk has. What a follower has stored, and told
 * its leader so, is not noted before it is applied: damage to just that, behind the mark, is
 * taken for a write that was cut off. (Such entries can't be marked alike: a start applies all
 * up to the mark, and they may never be committed.)
 *
 * The mark is of one identity: the file of another directory is refused. It keeps the engine's
 * vote too, whose files have no checksum: see high_water_vote.
 */
#ifndef WELDR_CLUSTER_HIGH_WATER_H
#define WELDR_CLUSTER_HIGH_WATER_H

#include "cluster/data_dir.h"

enum {
    HIGH_WATER_SLOTS = 3,
    HIGH_WATER_SLOT_BYTES = 4096,
    HIGH_WATER_FILE_BYTES = HIGH_WATER_SLOTS * HIGH_WATER_SLOT_BYTES,
    HIGH_WATER_SYNC_MS = 1000,
    HIGH_WATER_SYNC_ENTRIES = 256
};

/* A term and the vote given in it, as the engine's metadata files say. version 0: none. */
struct vote {
    uint64_t version; /* goes up with each change of the others */
    uint64_t term;
    uint64_t voted_for; /* 0: nobody */
};

struct high_water_mark {
    uint64_t index;    /* 0: nothing was applied yet */
    uint64_t term;     /* 0: it isn't known */
    uint64_t checksum; /* high_water_checksum of the entry; 0: it isn't known (a snapshot) */
    struct vote vote;
};

/* What the slots of a file hold. */
struct high_water_slots {
    struct high_water_mark mark;
    uint64_t sequence; /* of that mark */
    unsigned newest;   /* its slot */
    unsigned bad;      /* a bit for each slot that is damaged or was torn */
};

struct high_water {
    int fd;
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];
    struct high_water_mark mark; /* written last */
    uint64_t synced_index;
    uint64_t sequence;
    unsigned slot;    /* takes the marks */
    unsigned kept;    /* synced last */
    unsigned syncing; /* HIGH_WATER_SLOTS: none is */
    uint64_t syncing_index;
    unsigned bad; /* slots that were damaged when it was opened: for the log */
};

/* Pure: the newest mark in the bytes of a file. WERR_CORRUPT: there is none that is whole, or
 * it has another size; WERR_INVALID: it is of another identity. */
int high_water_read(struct span file, const uint8_t *identity,
                    struct high_water_slots *slots) MUST_USE;

/* The file `high_water` of the directory; made, with a mark of index 0, if that is new. Damaged
 * slots beside a whole one are mended. WERR_CORRUPT: damaged, of another directory, or missing
 * in one that is not new; WERR_NO_SPACE, WERR_IO …. Nothing is to be closed then. */
int high_water_open(struct high_water *h, const struct data_dir *d,
                    struct strb *wrong) MUST_USE;
/* The mark in the file of a directory that is not new; nothing is changed. WERR_CORRUPT as of
 * high_water_open. */
int high_water_look(const struct data_dir *d, struct high_water_mark *mark,
                    struct strb *wrong) MUST_USE;
/* A new file with this mark, in place of the one that there is: for repair.h. */
int high_water_replace(const struct data_dir *d, const struct high_water_mark *mark) MUST_USE;
uint64_t high_water_checksum(struct span entry);
/* Notes what was applied: before the proposer hears. The vote stays. WERR_IO …: it is not
 * noted, and the engine is to go on with what it did before. */
int high_water_write(struct high_water *h, uint64_t index, uint64_t term,
                     uint64_t checksum) MUST_USE;
/* Notes a changed term or vote, and syncs: after the engine has stored it, before it is told.
 * Elections are rare. Never while a sync is under way (MUST). */
int high_water_vote(struct high_water *h, const struct vote *vote) MUST_USE;
/* True: the marks of HIGH_WATER_SYNC_ENTRIES are not synced. */
bool high_water_is_due(const struct high_water *h);
/* True: there is a mark that is not synced. */
bool high_water_is_behind(const struct high_water *h);
/* Before fdatasync(h->fd) in any thread, and after it, with its result. One at a time (MUST).
 */
void high_water_sync_begin(struct high_water *h);
void high_water_sync_end(struct high_water *h, int rc);
/* All of that, here and now. */
int high_water_sync(struct high_water *h) MUST_USE;
/* Without a sync. Zeroed is not allowed. */
void high_water_close(struct high_water *h);

#endif
