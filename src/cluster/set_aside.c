#include "cluster/set_aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int say_errno(struct strb *wrong, const char *path, const char *what)
{
    const int errnum = errno;

    strb_addf(wrong, "%s: can't %s: %s", path, what, strerror(errnum));
    return werr_from_errno(errnum);
}

int set_aside_open(struct data_dir *d, const char *path, struct strb *wrong)
{
    struct stat st;

    *d = (struct data_dir){.fd = -1, .lock_fd = -1};
    if (stat(path, &st) < 0)
        return say_errno(wrong, path, "look at it");
    if (st.st_uid != geteuid()) {
        strb_addf(wrong, "%s: belongs to user %u: do this as that user, not as %u", path,
                  st.st_uid, geteuid());
        return WERR_DENIED;
    }
    const int rc = data_dir_open(d, path, wrong);
    if (rc < 0 || !d->is_new)
        return rc;
    data_dir_close(d);
    strb_addf(wrong, "%s: no node has been there", path);
    return WERR_NOT_FOUND;
}

/* Without an identity `member` tells that a node has been there. */
int set_aside_open_damaged(struct data_dir *d, const char *path, bool *is_damaged,
                           struct strb *wrong)
{
    struct strb first = *wrong;
    const int said = set_aside_open(d, path, &first);

    *is_damaged = false;
    if ((said != WERR_CORRUPT && said != WERR_NOT_FOUND) || access(path, F_OK) < 0) {
        *wrong = first;
        return said;
    }
    const int rc = data_dir_open_damaged(d, path, wrong);
    if (rc < 0)
        return rc;
    *is_damaged = said == WERR_CORRUPT || data_dir_has(d, "member");
    if (*is_damaged)
        return 0;
    data_dir_close(d);
    *wrong = first;
    return said;
}

/* `lock` is held, and is no part of what the node knows; two others go last. */
static bool stays(const char *name)
{
    return name[0] == '.' || strcmp(name, "lock") == 0 || strcmp(name, "lost+found") == 0 ||
           strcmp(name, "identity") == 0 || strcmp(name, DATA_DIR_REMOVED) == 0 ||
           strncmp(name, DATA_DIR_OLD_PREFIX, sizeof(DATA_DIR_OLD_PREFIX) - 1) == 0;
}

/* Names are collected by rounds, for a directory may be changed under readdir: each round moves
 * one. */
static int move_one(DIR *list, int from, int to)
{
    rewinddir(list);
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list))
        if (!stays(e->d_name))
            return renameat(from, e->d_name, to, e->d_name) == 0 ? 1 : -1;
    return 0;
}

static bool move_if_there(int from, const char *name, int to)
{
    return renameat(from, name, to, name) == 0 || errno == ENOENT;
}

static int move_all(const struct data_dir *d, int to)
{
    const int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    int n = -1;

    if (list == NULL && fd >= 0)
        (void)close(fd);
    while (list != NULL && (n = move_one(list, d->fd, to)) > 0)
        continue;
    const bool is_done = n == 0 && fsync(to) == 0 && fsync(d->fd) == 0 &&
                         move_if_there(d->fd, DATA_DIR_REMOVED, to) &&
                         move_if_there(d->fd, "identity", to) && fsync(to) == 0 &&
                         fsync(d->fd) == 0;
    const int errnum = errno;
    if (list != NULL)
        (void)closedir(list);
    errno = errnum;
    return is_done ? 0 : -1;
}

int set_aside_enter(const struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                    int *fd, struct strb *wrong)
{
    const time_t at = (time_t)now_s;
    struct tm date;

    (void)gmtime_r(&at, &date);
    (void)strftime(name, SET_ASIDE_NAME_MAX, DATA_DIR_OLD_PREFIX "%Y%m%dT%H%M%SZ", &date);
    return data_dir_enter(d, name, fd, wrong);
}

int set_aside_move(const struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                   struct strb *wrong)
{
    int to;
    int rc = set_aside_enter(d, now_s, name, &to, wrong);

    if (rc < 0)
        return rc;
    rc = move_all(d, to) == 0 ? 0 : say_errno(wrong, d->path, "move what is in it");
    (void)close(to);
    return rc;
}

int set_aside_run(const char *path, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                  struct strb *wrong)
{
    struct data_dir d;
    bool is_damaged;
    int rc = set_aside_open_damaged(&d, path, &is_damaged, wrong);

    if (rc < 0)
        return rc;
    rc = set_aside_move(&d, now_s, name, wrong);
    data_dir_close(&d);
    return rc;
}
