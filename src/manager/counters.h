/* counters.h - counters go on over a restart of the manager.
 *
 * What was counted lies in the segment (stats/stats.h), which ends with the manager. So the
 * file DIR/counters (stats/totals.h) has the sums of all workers and of all lives before: for
 * the node, and for each listener, rule, pool and server that is described. It is written every
 * COUNTERS_SAVE_MS while something is counted, when a reader has been shown the counters, when
 * the workers drain, and when they have ended, unless a successor has the directory by then.
 * At the start, when all that was stored is here and no worker has started, what the file has
 * of objects that are still described is added to what workers will count (stats/carried.h).
 *
 * Shown counters are written COUNTERS_PAUSE_MS after the last write at most, for who draws
 * rates takes a counter that went back for one that began at 0, and all of it for news. A kill
 * loses what was counted since the last write and was not shown.
 *
 * Sums are collected and written in slices, a turn of the loop each: many servers hold up
 * nothing. A file that is whole takes the name in one step, and is not synced. A successor that
 * starts while this manager drains has the directory, so that nothing is written twice, and
 * what is counted meanwhile ends with this manager. A file that is damaged or of another format
 * moves to DIR/counters.aside, with a warning, and counting begins at 0: no start is refused
 * for it.
 *
 * Owner: the manager. --ephemeral: nothing is read or written.
 */
#ifndef WELDR_MANAGER_COUNTERS_H
#define WELDR_MANAGER_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "manager/counted.h"
#include "stats/totals.h"

enum {
    COUNTERS_SAVE_MS = 5000,
    COUNTERS_PAUSE_MS = 1000,
    COUNTERS_SLICE = 128, /* objects a turn */
    COUNTERS_FILE_MAX = 64 * 1024 * 1024
};

struct manager;

enum counters_phase {
    COUNTERS_OFF,      /* not begun, or ended: nothing is written */
    COUNTERS_WAITING,  /* for the next write */
    COUNTERS_WALKING,  /* a write collects what it writes */
    COUNTERS_RELEASED, /* the directory was given back: one more write, if nobody has it */
    COUNTERS_PHASES
};

struct counters {
    struct manager *m;
    uint8_t phase;   /* enum counters_phase */
    bool is_shown;   /* since the last write began */
    bool has_failed; /* the last write; told once */
    bool is_begun;   /* counters_begin was called: what is told later is taken at once */
    struct timer timer;
    char *handed; /* by a predecessor, before they are begun (heap); NULL: nothing */
    size_t handed_len;
    uint64_t since_us;        /* wall clock: since when they count */
    uint64_t at_us;           /* … when the file was written; 0: there is none */
    uint64_t writing_us;      /* … the same of the write under way */
    uint64_t looked_ms;       /* monotonic: when there was last a look for news */
    struct stats_total saved; /* the node's, as the file has them: all others follow them */
    struct counted_walk walk;
    struct stats_totals text;
    struct stats_total node; /* of the walk */
    int fd;                  /* where it is written to … */
    size_t written_bytes;    /* … so far … */
    int error;               /* … and what came of it */
};

void counters_init(struct counters *c, struct manager *m);
/* All that was stored is here, and no worker has started. */
void counters_begin(struct manager *m);
/* Somebody has been shown counters: they must not go back. */
void counters_shown(const struct manager *m);
/* Since when they count, by the wall clock. */
uint64_t counters_since_us(const struct manager *m);
/* All of it as the file has it, at once. *bytes: until stats_totals_free. WERR_NOMEM. */
int counters_text(const struct manager *m, struct stats_totals *text,
                  struct span *bytes) MUST_USE;
/* What the predecessor has counted so far, in all lives, as such a text (heap, taken): in place
 * of what the file says, or of what it told before. What can't be read is told to the log.
 * WERR_NOMEM. */
int counters_take(struct manager *m, char *text, size_t len) MUST_USE;
/* A write before the directory is given back. */
void counters_release(struct manager *m);
/* The directory was given back, and is to be had once more for the last write, if it can be. */
bool counters_want_directory(const struct counters *c);
/* Nothing is counted any more; the last write. Zeroed is allowed. */
void counters_fini(struct counters *c);

#endif
