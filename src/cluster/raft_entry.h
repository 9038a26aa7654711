/* raft_entry.h - what stands before a command in the engine's log, so that whoever reads it
 * later knows what it is.
 *
 *     format u8, type u8, level u8, flags u8, length u32, request id (16 bytes), the command,
 *     zeros up to a multiple of 8 (little endian)
 *
 * level is that of the features (pool/levels.h) that a node needs to apply it, 0: any node
 * does. What is of another format or type, or of a level that is not known, is never passed
 * over: a node that skipped it would differ from the others from then on. Pure.
 */
#ifndef WELDR_CLUSTER_RAFT_ENTRY_H
#define WELDR_CLUSTER_RAFT_ENTRY_H

#include "cluster/cluster.h"

enum engine_entry_type {
    ENGINE_ENTRY_COMMAND = 1, /* of the owner */
    ENGINE_ENTRY_ROSTER = 2   /* of the engine itself: who belongs to the cluster (roster.h) */
};

enum {
    ENGINE_ENTRY_HEAD_BYTES = 8 + CLUSTER_ID_BYTES,
    ENGINE_ENTRY_MAX_BYTES =
        6 * 1024 * 1024 /* of a command: the engine's segments have 8 MiB */
};

struct engine_entry_view {
    enum engine_entry_type type;
    uint8_t level;
    const uint8_t *request_id;
    struct span command; /* both borrowed */
};

/* Bytes of the whole, for a command of this length. */
size_t engine_entry_size(size_t command_len);
/* to has engine_entry_size bytes. */
void engine_entry_write(const struct engine_entry_view *view, uint8_t *to);
/* WERR_CORRUPT; WERR_UNSUPPORTED: of a later Weldr; level is there all the same. The caller
 * judges the level. */
int engine_entry_read(struct span whole, struct engine_entry_view *view) MUST_USE;

#endif
