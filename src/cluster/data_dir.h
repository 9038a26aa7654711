/* data_dir.h - the directory that a node keeps on disk: made, locked, recognised.
 *
 *     DIR/lock        held (flock) by the one manager that uses it; its process id
 *     DIR/identity    16 bytes by chance that this directory was given when it was made
 *     DIR/node.key    what secrets in these files are closed with (node_key.h)
 *     DIR/member      who this node is in its cluster, and the cluster's key (member_file.h)
 *     DIR/high_water  what was applied last (high_water.h)
 *     DIR/log/        the engine's own files (segments.h)
 *     DIR/ballast     room for a start on a full disk (ballast.h)
 *     DIR/recovering  a recovery was cut off, and is to be done again (recover.h)
 *     DIR/recovered   one was done, and the next start is to tell so (recover.h)
 *     DIR/removed     the node has heard that it was removed from its cluster (rejoin.h)
 *     DIR/token       which token it has joined with (rejoin.h)
 *     DIR/health      which servers were down: a hint for the next start (manager/hints.h)
 *     DIR/counters    what was counted, for the next start (manager/counters.h)
 *     DIR/old-DATE/   what the node had before it was to join anew (set_aside.h)
 *
 * A first start goes: data_dir_open (is_new), node_key_open, member_file_open, high_water_open,
 * data_dir_settle.
 * Settling writes `identity`, last of all: a directory with an identity has all of the others,
 * so that one that is missing later is damage; one without is as good as empty, whenever the
 * first start was cut off. Who wipes a directory gets a new identity.
 *
 * Owner: the engine, on the manager's thread. Functions that fail add a sentence to *wrong,
 * without a line end, which names the file, what is the matter and the way out.
 */
#ifndef WELDR_CLUSTER_DATA_DIR_H
#define WELDR_CLUSTER_DATA_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strb.h"
#include "base/werr.h"

enum {
    DATA_DIR_IDENTITY_BYTES = 16,
    DATA_DIR_WRONG_MAX = 1024, /* room for any sentence, with a path of some length */
    /* What the engine wants free before it starts: three segments of 8 MiB, and a snapshot. */
    DATA_DIR_SPACE_BYTES = 32 * 1024 * 1024
};

struct data_dir {
    char *path;
    int fd;
    int lock_fd;
    bool is_new; /* until data_dir_settle */
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];
};

/* The names above that stand for what is no part of the node's state any more: "old-…". */
#define DATA_DIR_OLD_PREFIX "old-"
/* Names of marks: of a recovery, of a removal, of a join. */
#define DATA_DIR_RECOVERING "recovering"
#define DATA_DIR_RECOVERED  "recovered"
#define DATA_DIR_REMOVED    "removed"
#define DATA_DIR_TOKEN      "token"

/* The end of each sentence about damage. */
extern const char data_dir_way_out[];

/* Opens the directory, or makes it (0700; its parent is there), and takes the lock.
 * WERR_IN_USE: another process holds it; WERR_DENIED: not ours to write, or others may;
 * WERR_EXISTS: it holds files of somebody else; WERR_CORRUPT: the identity is damaged, or
 * missing beside what a node has stored; WERR_UNSUPPORTED: made by a later Weldr; WERR_NOMEM,
 * WERR_NO_SPACE, WERR_IO …. Nothing is to be closed then. */
int data_dir_open(struct data_dir *d, const char *path, struct strb *wrong) MUST_USE;
/* … of a node's directory whose identity may be damaged or missing, which is not looked at, and
 * zeroed in *d: for who moves it away, or finds it elsewhere (repair.h). */
int data_dir_open_damaged(struct data_dir *d, const char *path, struct strb *wrong) MUST_USE;
/* An open one whose files were moved away (rejoin.h): it is new, with another identity. */
int data_dir_begin(struct data_dir *d, struct strb *wrong) MUST_USE;
/* Writes the identity of a new directory; of another nothing is done. */
int data_dir_settle(struct data_dir *d, struct strb *wrong) MUST_USE;
/* The node's number among others, which follows from the identity; not 0. */
uint64_t data_dir_node_id(const struct data_dir *d);
/* Is there a file of that name in it? */
bool data_dir_has(const struct data_dir *d, const char *name);
/* The directory NAME in it, opened or made (0700). */
int data_dir_enter(const struct data_dir *d, const char *name, int *fd,
                   struct strb *wrong) MUST_USE;
/* WERR_NO_SPACE: less than so many bytes are free. Not asked by data_dir_open: a node whose
 * disk is full starts and serves, and takes no writes. */
int data_dir_check_space(const struct data_dir *d, uint64_t bytes, struct strb *wrong) MUST_USE;
/* Gives the lock back. Zeroed is allowed. */
void data_dir_close(struct data_dir *d);

#endif
