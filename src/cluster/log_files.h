/* log_files.h - the engine's files in a directory: their names in order, and the bytes of one.
 * For segments.h and repair.h. Owner: whoever looks through the directory. */
#ifndef WELDR_CLUSTER_LOG_FILES_H
#define WELDR_CLUSTER_LOG_FILES_H

#include <stddef.h>

#include "base/werr.h"
#include "cluster/log_file.h"

/* Zeroed, but for the directory. */
struct log_files {
    int dir_fd;             /* borrowed */
    struct log_file *files; /* sorted (log_file_compare); those of other kinds are left out */
    size_t n;
    char *bytes; /* of the file that was read last, in room for so many */
    size_t room;
};

int log_files_list(struct log_files *l) MUST_USE;
/* The whole file, in l->bytes until the next one is read. */
int log_files_read(struct log_files *l, const char *name, size_t *len) MUST_USE;
/* The .meta of a snapshot, or the snapshot of a .meta; NULL. */
const struct log_file *log_files_other(const struct log_files *l, const struct log_file *f);
void log_files_free(struct log_files *l);

#endif
