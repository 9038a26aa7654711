/* levels.h - levels of features: what every member of a cluster must understand before one of
 * them uses it.
 *
 * A Weldr knows all levels up to LEVEL_NEWEST. A cluster is at the highest one that all of its
 * members know: its leader raises it, nobody lowers it (cluster/raft_level.c). While members of
 * two versions run together, entries and snapshots are written as the older ones read them.
 *
 * Whoever adds what an older Weldr can't read adds a row to levels.def, and
 * - writes it only where the level of the cluster (struct cluster_status) is that of the row,
 *   and the old form below it,
 * - has the entry name that level: struct pool_command, level; an entry without such a thing
 *   has 0, so that older members go on with it.
 * A member that does not know the level that an entry or a snapshot names takes no part of it
 * and halts (cluster/raft_halt.h). Pure.
 */
#ifndef WELDR_POOL_LEVELS_H
#define WELDR_POOL_LEVELS_H

enum level {
    LEVEL_NONE, /* nothing was agreed on yet */
#define LEVEL(name, version, text) LEVEL_##name,
#include "pool/levels.def"
#undef LEVEL
    LEVELS_END
};
enum { LEVEL_NEWEST = LEVELS_END - 1 };

/* "0.1.0": the first version that knows it. NULL: LEVEL_NONE, or one of a later Weldr. */
const char *level_version(unsigned level);
/* What it adds. NULL: as above. */
const char *level_text(unsigned level);

#endif
