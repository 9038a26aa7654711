/* log_sizes.h - how many bytes the entries have that the engine keeps in memory.
 *
 * The engine keeps each entry of the log in memory until a snapshot has it, and of those behind
 * a snapshot's start as many as followers may still want. It counts entries; one of ours may
 * have 6 MiB. So their bytes are counted here: when those since the last snapshot are over
 * LOG_SIZES_MOST the next one is due, and behind it as many entries stay as have
 * LOG_SIZES_TRAIL together. A follower that wants an earlier one is sent the snapshot.
 *
 * The numbers: a snapshot is of the whole description, so it is not to come for each large
 * entry; and a follower that restarts is to find the last few of them. Pure.
 */
#ifndef WELDR_CLUSTER_LOG_SIZES_H
#define WELDR_CLUSTER_LOG_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOG_SIZES_N = 1024, /* entries since a snapshot, and behind one, whatever their bytes */
    LOG_SIZES_MOST = 32 * 1024 * 1024,
    LOG_SIZES_TRAIL = 16 * 1024 * 1024
};

/* Zeroed: of an empty log. */
struct log_sizes {
    uint64_t last;    /* index */
    uint64_t known_n; /* of the last entries, to LOG_SIZES_N */
    uint64_t since;   /* bytes since the last snapshot */
    uint32_t bytes[LOG_SIZES_N];
};

/* An entry was applied. Those of the engine itself, which are left out, have next to no bytes.
 */
void log_sizes_add(struct log_sizes *s, uint64_t index, size_t bytes);
/* A snapshot of this index has taken the place of the log. */
void log_sizes_restart(struct log_sizes *s, uint64_t index);
/* A snapshot is due. */
bool log_sizes_is_over(const struct log_sizes *s);
/* One is made. Returns how many entries may stay behind it: at least 1. */
unsigned log_sizes_snapshot(struct log_sizes *s);

#endif
