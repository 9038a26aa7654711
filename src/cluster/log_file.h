/* log_file.h - the engine's files other than segments: their names, votes, heads of snapshots.
 *
 *     open-N                        a segment that is written, or allocated for later
 *     FIRST-LAST                    a closed segment, 16 digits each
 *     metadata1, metadata2          term and vote, written in turns (odd versions, even ones)
 *     snapshot-TERM-INDEX-TIME      what fsm.snapshot gave, and
 *     snapshot-TERM-INDEX-TIME.meta the members at that index
 *
 * Of libraft 0.22, format 1, little endian. Pure; the bytes may be anything.
 */
#ifndef WELDR_CLUSTER_LOG_FILE_H
#define WELDR_CLUSTER_LOG_FILE_H

#include "cluster/high_water.h"

enum { LOG_FILE_NAME_MAX = 80, LOG_FILE_VOTE_BYTES = 32 };

enum log_file_kind {
    LOG_FILE_OTHER, /* none of the engine's, or one that it removes at its start */
    LOG_FILE_CLOSED,
    LOG_FILE_OPEN,
    LOG_FILE_SNAPSHOT,
    LOG_FILE_META
};

struct log_file {
    enum log_file_kind kind;
    /* first, last of a closed segment; counter of an open one; term, index, time of a snapshot
     */
    uint64_t numbers[3];
    char name[LOG_FILE_NAME_MAX];
};

/* The name of a closed segment. */
void log_file_closed(uint64_t first, uint64_t last, char name[LOG_FILE_NAME_MAX]);
/* What a name is of; metadata1 and metadata2 are LOG_FILE_OTHER. */
void log_file_name(const char *name, struct log_file *f);
/* Closed segments, open ones, snapshots, their .meta, others; each by its numbers. For qsort.
 */
int log_file_compare(const void *a, const void *b);

/* A metadata file. WERR_EOF: it is shorter than it should be; WERR_CORRUPT; WERR_UNSUPPORTED.
 */
int log_file_vote(struct span bytes, struct vote *vote) MUST_USE;
/* … and its bytes. */
void log_file_put_vote(const struct vote *vote, uint8_t bytes[LOG_FILE_VOTE_BYTES]);
/* What both say, and with has[i] false: one that isn't there, or is not whole yet. NULL, or
 * what is wrong. *vote is of version 0 when there is none. */
const char *log_file_votes(const struct vote votes[2], const bool has[2], struct vote *vote);
/* The .meta of a snapshot: its checksum. WERR_CORRUPT; WERR_UNSUPPORTED. */
int log_file_meta(struct span bytes) MUST_USE;

#endif
