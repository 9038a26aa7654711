/* segments.h - the engine's directory looked through before the engine sees it.
 *
 * libraft reads its files with trust: it drops all behind a damaged batch of an open segment,
 * believes any vote, loads any snapshot, and aborts on a file that is too short. So before it
 * starts all of its files are read here, nothing is changed, and the result is one of:
 *
 *     0                 whole; is_torn: but for the last write, which was cut off and which
 *                       nobody was told of: segments_heal takes it away
 *     WERR_CORRUPT      damaged: the sentence names file, offset and way out
 *     WERR_UNSUPPORTED  of a later format
 *     WERR_NOMEM, WERR_IO, WERR_DENIED …
 *
 * Torn is an unreadable end of the last segment with entries, if no entry up to the mark is
 * missing and either nothing whole comes behind it or a sector of it was never written
 * (segment.h). All else is damage: in closed segments, in the middle, in snapshots (image.h)
 * and their .meta, gaps between files, votes that don't fit, and a log that ends below the
 * mark or has another entry there. What is left over by a cut-off snapshot (tmp-*, a .meta
 * without its snapshot, the reverse) is passed over, as the engine removes it.
 */
#ifndef WELDR_CLUSTER_SEGMENTS_H
#define WELDR_CLUSTER_SEGMENTS_H

#include "cluster/high_water.h"

enum { SEGMENTS_NAME_MAX = 80 /* LOG_FILE_NAME_MAX */ };

struct segments {
    uint64_t first_index; /* of the log behind the snapshot or before; 0: no entry is stored */
    uint64_t last_index;  /* of the log or the snapshot, whichever is later; 0: nothing */
    uint64_t last_term;
    uint64_t snapshot_index; /* of the latest snapshot; 0: none */
    uint64_t snapshot_term;
    struct vote vote;
    bool is_torn;
    bool is_short; /* an open file ends with zeros that are too few for the engine */
    char file[SEGMENTS_NAME_MAX]; /* torn or damaged; empty: none is, or it is no single one */
    uint64_t offset;              /* where in it */
};

/* dir_fd is borrowed, path is for the sentence. */
int segments_check(int dir_fd, const char *path, const struct high_water_mark *mark,
                   struct segments *s, struct strb *wrong) MUST_USE;
/* After a check that was well: cuts the file of a torn write behind its last whole batch,
 * durably, and rests of zeros that are too short for the engine; else nothing is done. Padding
 * with zeros to whole blocks would not do: a torn head can claim more bytes than any padding
 * has, and the engine aborts on that too. A file that ends with its last batch is one that the
 * engine itself leaves when it is killed while it closes a segment. */
int segments_heal(int dir_fd, const char *path, const struct segments *s,
                  struct strb *wrong) MUST_USE;
/* The vote as the two metadata files say. WERR_CORRUPT: they are damaged. */
int segments_vote(int dir_fd, const char *path, struct vote *vote, struct strb *wrong) MUST_USE;

#endif
