/* file_watch.h - tells when files may have changed that others write: certificates.
 *
 * The directories are watched (inotify), of the names given and of what they stand for, since
 * tools replace a file by renaming another one, or a symbolic link to it. What happens there is
 * told once for a while, FILE_WATCH_SETTLE_MS behind the first of it, so that whoever writes
 * several files is done, mostly. All is looked at again every FILE_WATCH_POLL_MS as well: for
 * file systems without such news, and for directories that were replaced. Whoever is told looks
 * by itself whether anything is different. Owner: the manager.
 */
#ifndef WELDR_MANAGER_FILE_WATCH_H
#define WELDR_MANAGER_FILE_WATCH_H

#include "net/loop.h"

enum {
    FILE_WATCH_SETTLE_MS = 200,
    FILE_WATCH_POLL_MS = 30000,
    FILE_WATCH_MAX = 160 /* paths */
};

struct file_watch {
    struct loop_watch watch; /* first */
    struct loop *loop;       /* NULL: nothing is watched */
    int fd;                  /* -1: there is no inotify */
    struct timer settle, poll;
    const char *paths[FILE_WATCH_MAX]; /* borrowed */
    unsigned path_n;
    void (*on_change)(void *arg);
    void *arg;
};

/* Without paths it costs nothing. */
void file_watch_init(struct file_watch *w, struct loop *loop, void (*on_change)(void *arg),
                     void *arg);
void file_watch_add(struct file_watch *w, const char *path); /* NULL: nothing */
void file_watch_fini(struct file_watch *w);                  /* zeroed is allowed */

#endif
