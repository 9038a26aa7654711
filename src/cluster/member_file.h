/* member_file.h - who this node is in its cluster: the file `member` of the data directory.
 *
 * Made with the directory, for a cluster of one; written again when the node makes a cluster of
 * several or has joined one, when its certificate is renewed or its address changes; the whole
 * file at a time (small_file.h). A text of a line for each fact and PEM blocks (member_text.h);
 * the two secrets in it (the node's private key, the cluster key) are closed with the node key
 * (node_key.h); a checksum ends it. It is of one directory: that of another one is refused.
 *
 * The cluster key is what secrets in the replicated description are closed with (private keys
 * of certificates, the CA's key), the same in all members. A node makes one by chance when its
 * directory is new; who joins gets the cluster's. Owner: the engine, at its start and when it
 * joins; before that the manager's keyring reads the cluster key.
 */
#ifndef WELDR_CLUSTER_MEMBER_FILE_H
#define WELDR_CLUSTER_MEMBER_FILE_H

#include "cluster/data_dir.h"
#include "cluster/member_text.h"

/* The file; in a directory that is new (data_dir.h) it is made, with a cluster key by chance
 * and all else zeroed, unless there is one of this very identity. WERR_CORRUPT: missing in one
 * that is not new, or as member_file_read. *f is zeroed on failure. */
int member_file_open(const struct data_dir *d, const unsigned char *node_key,
                     struct member_file *f, struct strb *wrong) MUST_USE;
/* *is_there false: there is no such file, or the directory is new and it is what a start that
 * was cut off has left of another identity; *f is zeroed then, as it is on failure.
 * WERR_CORRUPT: damaged, of another directory (identity), or of another node key;
 * WERR_UNSUPPORTED: of a later Weldr; WERR_NOMEM, WERR_IO …: *wrong has a sentence. node_key
 * has SEAL_KEY_BYTES. */
int member_file_read(const struct data_dir *d, const unsigned char *node_key,
                     struct member_file *f, bool *is_there, struct strb *wrong) MUST_USE;
/* The identity of the directory that the file is of, without a key: for one whose own is lost.
 * WERR_CORRUPT: the file is damaged or missing, too. */
int member_file_directory(const struct data_dir *d, uint8_t identity[DATA_DIR_IDENTITY_BYTES],
                          struct strb *wrong) MUST_USE;
/* Synced when this returns 0. cluster_key is there (MUST). WERR_NO_SPACE, WERR_NOMEM,
 * WERR_TOO_BIG, WERR_IO …; the old file is there then. */
int member_file_write(const struct data_dir *d, const unsigned char *node_key,
                      const struct member_file *f, struct strb *wrong) MUST_USE;
/* The same in two steps: the file's bytes, malloc'd, which have no open secret; and them on
 * disk, in any thread. */
int member_file_encode(const struct data_dir *d, const unsigned char *node_key,
                       const struct member_file *f, char **bytes, size_t *len) MUST_USE;
int member_file_put(const struct data_dir *d, struct span bytes) MUST_USE;
void member_file_fini(struct member_file *f); /* clears the secrets; zeroed is allowed */

#endif
