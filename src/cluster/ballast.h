/* ballast.h - DIR/ballast: room that is kept while there is some, for a start without.
 *
 * The engine makes small files when it starts, before it gives back what it had allocated for
 * later: on a full disk a node that was killed would never serve again. So a start that meets a
 * full disk removes the ballast first, and one that meets room makes it. Owner: data_dir.h.
 */
#ifndef WELDR_CLUSTER_BALLAST_H
#define WELDR_CLUSTER_BALLAST_H

#include <stdint.h>

enum {
    BALLAST_BYTES = 256 * 1024,
    BALLAST_SHORT_BYTES = 128 * 1024 /* less than that is free: it goes */
};

/* In the directory, of whose disk so much is free. What fails is tried again at the next start:
 * nothing depends on it before the disk is full. */
void ballast_keep(int dir_fd, uint64_t free_bytes);

#endif
