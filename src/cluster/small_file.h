/* small_file.h - a few bytes in a file of a directory, read whole and written durably.
 *
 * All that Weldr itself keeps in its data directory goes through here, but for the log and the
 * mark of high_water.h. A file that is written is there whole or as it was before, at whatever
 * moment the machine dies: the bytes go into NAME.new, are synced, take the name, and the
 * directory is synced. One writer a directory (the lock of data_dir.h). Blocks: for starts and
 * rare changes, never on the way of a write.
 */
#ifndef WELDR_CLUSTER_SMALL_FILE_H
#define WELDR_CLUSTER_SMALL_FILE_H

#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

enum { SMALL_FILE_NAME_MAX = 64 };

/* The whole file into buf. WERR_NOT_FOUND; WERR_TOO_BIG: it is longer than cap; WERR_DENIED,
 * WERR_IO … */
int small_file_read(int dir_fd, const char *name, void *buf, size_t cap, size_t *len) MUST_USE;
/* With mode 0600. WERR_NO_SPACE, WERR_DENIED, WERR_IO …: what was there before is there still.
 */
int small_file_write(int dir_fd, const char *name, struct span bytes) MUST_USE;
/* The same without a sync: it does not wait for the disk, and a power failure may leave the
 * file as it was, empty or gone. For what the node can do without (manager/hints.h). */
int small_file_put(int dir_fd, const char *name, struct span bytes) MUST_USE;
/* … and in pieces, for what is long (manager/counters.h): NAME.new is begun, *fd is for
 * small_file_write_at … */
int small_file_begin(int dir_fd, const char *name, int *fd) MUST_USE;
/* … and it takes the name, unless a write has failed (rc < 0); closes fd. Returns rc, or what
 * has failed here: what was there before is there still. */
int small_file_finish(int dir_fd, const char *name, int fd, int rc) MUST_USE;
/* As pread and pwrite until all n bytes are done. Read: the number of bytes, which is less than
 * n at the end of the file. */
int small_file_read_at(int fd, void *buf, size_t n, size_t offset, size_t *len) MUST_USE;
int small_file_write_at(int fd, const void *buf, size_t n, size_t offset) MUST_USE;

#endif
