/* node_key.h - the key that a node's secrets on disk are closed with (base/seal.h).
 *
 * In `node.key` of the data directory, made by chance with it (0600, a line of marked_line.h),
 * or in a file that the operator names (--node-key-file, a credential of systemd), which holds
 * the same line or exactly 32 bytes of any value. Called by the engine's owner at start. The
 * caller gives memory of seal_memory_new for the key and clears it.
 */
#ifndef WELDR_CLUSTER_NODE_KEY_H
#define WELDR_CLUSTER_NODE_KEY_H

#include "cluster/data_dir.h"

/* file: NULL: node.key of the directory, made if that is new. key has SEAL_KEY_BYTES.
 * WERR_DENIED: others can read it (or, of a file that is named, write it); WERR_CORRUPT:
 * damaged, or missing in a directory that is not new; WERR_NOT_FOUND, WERR_NOMEM, WERR_IO …. */
int node_key_open(const struct data_dir *d, const char *file, unsigned char *key,
                  struct strb *wrong) MUST_USE;

#endif
