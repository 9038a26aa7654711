/* repair_plan.h - what of a damaged log can be kept, found by reading alone; nothing is
 * changed.
 *
 * Each snapshot that is whole, and the beginning, is a place to start from; from there as many
 * files as follow each other go on, the last one as far as its batches are whole. The start
 * from which one gets the furthest is taken, of equal ones the latest. An entry says nothing of
 * its index, so a file counts with the index in its name, and an open one with the index behind
 * the file before it; a file with more entries than its name says, or with another entry than
 * the mark's, is none of this log.
 */
#ifndef WELDR_CLUSTER_REPAIR_PLAN_H
#define WELDR_CLUSTER_REPAIR_PLAN_H

#include "cluster/log_files.h"

enum repair_fate {
    REPAIR_DROP,  /* damaged, or of no use any more */
    REPAIR_KEEP,  /* as it is */
    REPAIR_CUT,   /* its first bytes become the closed segment of first to last */
    REPAIR_FORGET /* allocated for later: nothing in it */
};

struct repair_file {
    uint8_t fate;         /* enum repair_fate */
    bool is_exact;        /* a closed segment that is whole; a snapshot or a .meta that is */
    uint64_t first, last; /* entries in it that are whole; last < first: none */
    uint64_t term;        /* of the last one */
    size_t bytes;         /* up to there */
};

struct repair_plan {
    struct log_files in;
    struct repair_file *files; /* of each of in.files */
    uint64_t snapshot;         /* index of the one to start from; 0: the beginning */
    uint64_t last, last_term;  /* entry that is kept; 0: nothing is */
    uint64_t seen;             /* the last entry that any file tells of */
    uint64_t term;             /* the highest that any file tells of */
};

/* dir_fd is borrowed. mark: index 0: it is not known. WERR_NOMEM, WERR_IO … */
int repair_plan_make(struct repair_plan *p, int dir_fd,
                     const struct high_water_mark *mark) MUST_USE;
void repair_plan_free(struct repair_plan *p);

#endif
