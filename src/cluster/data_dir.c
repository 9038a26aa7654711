#include "cluster/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/num.h"
#include "cluster/ballast.h"
#include "cluster/marked_line.h"
#include "cluster/small_file.h"

enum { DIR_MODE = 0700, PID_TEXT_MAX = 16 };

const char data_dir_way_out[] =
    "put a copy of the directory back, or: weldr cluster repair (a node that is alone), weldr "
    "cluster rejoin (one of several)";

static const char identity_word[] = "weldr-identity";

/* What a first start that was cut off may have left, and what contrib/weldr-state keeps. */
static const char *const own_names[] = {
    ".",        "..",           "ballast",    "lock",           "lost+found",
    "node.key", "node.key.new", "high_water", "high_water.new", "identity.new",
    "log",      "member",       "member.new", "state",          "state.new",
    "token",    "token.new"};

static int say_errno(struct strb *wrong, const char *what, const char *path)
{
    const int errnum = errno;

    strb_addf(wrong, "%s: can't %s: %s", path, what, strerror(errnum));
    return werr_from_errno(errnum);
}

static int make_and_open(struct data_dir *d, struct strb *wrong)
{
    if (mkdir(d->path, DIR_MODE) < 0 && errno != EEXIST)
        return say_errno(wrong, "make the directory", d->path);
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return d->fd < 0 ? say_errno(wrong, "open the directory", d->path) : 0;
}

static int check_owner(const struct data_dir *d, struct stat *st, struct strb *wrong)
{
    if (fstat(d->fd, st) < 0)
        return say_errno(wrong, "stat the directory", d->path);
    if (st->st_uid != geteuid() && geteuid() != 0)
        strb_addf(wrong, "%s: belongs to user %u, not to this one (%u)", d->path, st->st_uid,
                  geteuid());
    else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        strb_addf(wrong, "%s: others may write it (mode %04o); chmod it to 0700", d->path,
                  st->st_mode & 07777U);
    else
        return 0;
    return WERR_DENIED;
}

/* The holder's process id, as it stands in the lock file; 0: it isn't there. */
static uint64_t holder_of(int lock_fd)
{
    char text[PID_TEXT_MAX];
    size_t len;
    uint64_t pid;

    if (small_file_read_at(lock_fd, text, sizeof(text), 0, &len) < 0 ||
        num_from_dec(span_trim_lines(span_from(text, len)), INT32_MAX, &pid) < 0)
        return 0;
    return pid;
}

static void say_held(const struct data_dir *d, struct strb *wrong)
{
    const uint64_t pid = holder_of(d->lock_fd);

    strb_addf(wrong, "%s: in use by ", d->path);
    if (pid > 0)
        strb_addf(wrong, "process %" PRIu64, pid);
    else
        strb_add_str(wrong, "another process");
    strb_addf(wrong, ", which holds %s/lock; a directory has one node", d->path);
}

static int take_lock(struct data_dir *d, struct strb *wrong)
{
    char text[PID_TEXT_MAX];

    d->lock_fd =
        openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (d->lock_fd < 0)
        return say_errno(wrong, "open its file lock", d->path);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        say_held(d, wrong);
        return WERR_IN_USE;
    }
    /* For people alone, so that a full disk does not stop a start. */
    size_t len = num_to_dec((uint64_t)getpid(), text);
    text[len++] = '\n';
    if (ftruncate(d->lock_fd, 0) == 0 && small_file_write_at(d->lock_fd, text, len, 0) < 0)
        (void)ftruncate(d->lock_fd, 0);
    return 0;
}

static bool is_own_name(const char *name)
{
    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++)
        if (strcmp(name, own_names[i]) == 0)
            return true;
    return strncmp(name, DATA_DIR_OLD_PREFIX, sizeof(DATA_DIR_OLD_PREFIX) - 1) == 0;
}

/* A directory opened anew, for readdir moves the descriptor's place. NULL: errno says why. */
static DIR *open_list(int dir_fd, const char *name)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (list == NULL && fd >= 0)
        (void)close(fd);
    return list;
}

static int check_log_is_empty(const struct data_dir *d, struct strb *wrong)
{
    DIR *list = open_list(d->fd, "log");
    bool is_empty = true;

    if (list == NULL)
        return errno == ENOENT ? 0 : say_errno(wrong, "list its directory log", d->path);
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list))
        is_empty = is_empty && e->d_name[0] == '.';
    (void)closedir(list);
    if (is_empty)
        return 0;
    strb_addf(wrong, "%s/identity: is missing beside a log; %s", d->path, data_dir_way_out);
    return WERR_CORRUPT;
}

/* Without an identity a directory must be as good as empty: neither a node's whose identity is
 * lost, nor somebody's home. */
static int check_is_new(const struct data_dir *d, struct strb *wrong)
{
    DIR *list = open_list(d->fd, ".");
    int rc = 0;

    if (list == NULL)
        return say_errno(wrong, "list the directory", d->path);
    for (struct dirent *e = readdir(list); e != NULL && rc == 0; e = readdir(list)) {
        if (is_own_name(e->d_name))
            continue;
        strb_addf(wrong,
                  "%s: is not empty (%s) and no directory of Weldr; give it one of its own",
                  d->path, e->d_name);
        rc = WERR_EXISTS;
    }
    (void)closedir(list);
    return rc == 0 ? check_log_is_empty(d, wrong) : rc;
}

/* A new one is made private: packages and systemd make them readable for all. */
static int begin_new(struct data_dir *d, const struct stat *st, struct strb *wrong)
{
    const int rc = check_is_new(d, wrong);

    if (rc < 0)
        return rc;
    if ((st->st_mode & 07777U) != DIR_MODE && fchmod(d->fd, DIR_MODE) < 0)
        return say_errno(wrong, "make it private (chmod 0700)", d->path);
    d->is_new = true;
    if (getrandom(d->identity, sizeof(d->identity), 0) == sizeof(d->identity))
        return 0;
    return say_errno(wrong, "get random bytes for it", d->path);
}

static int check_is_private(const struct data_dir *d, const struct stat *st, struct strb *wrong)
{
    if ((st->st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return 0;
    strb_addf(wrong, "%s: others can look into it (mode %04o); chmod it to 0700", d->path,
              st->st_mode & 07777U);
    return WERR_DENIED;
}

static int recognise(struct data_dir *d, const struct stat *st, struct strb *wrong)
{
    char text[MARKED_LINE_MAX];
    size_t len = 0;
    int rc = small_file_read(d->fd, "identity", text, sizeof(text), &len);

    if (rc == WERR_NOT_FOUND)
        return begin_new(d, st, wrong);
    if (rc == 0)
        rc = marked_line_read(span_from(text, len), identity_word, d->identity,
                              sizeof(d->identity));
    if (rc == WERR_TOO_BIG)
        rc = WERR_CORRUPT;
    if (rc == WERR_CORRUPT)
        strb_addf(wrong, "%s/identity: is damaged; %s", d->path, data_dir_way_out);
    else if (rc < 0)
        strb_addf(wrong, "%s/identity: %s", d->path,
                  rc == WERR_UNSUPPORTED ? "was written by a later Weldr" : werr_text(rc));
    return rc == 0 ? check_is_private(d, st, wrong) : rc;
}

/* UINT64_MAX: nobody knows. */
static uint64_t free_bytes(int fd)
{
    struct statvfs st;

    return fstatvfs(fd, &st) < 0 ? UINT64_MAX : (uint64_t)st.f_bavail * st.f_frsize;
}

/* With the lock; what it holds is not looked at yet. */
static int open_locked(struct data_dir *d, const char *path, struct stat *st,
                       struct strb *wrong)
{
    *d = (struct data_dir){.path = strdup(path), .fd = -1, .lock_fd = -1};
    if (d->path == NULL) {
        strb_addf(wrong, "%s: %s", path, werr_text(WERR_NOMEM));
        return WERR_NOMEM;
    }
    int rc = make_and_open(d, wrong);
    if (rc == 0)
        rc = check_owner(d, st, wrong);
    return rc == 0 ? take_lock(d, wrong) : rc;
}

int data_dir_open(struct data_dir *d, const char *path, struct strb *wrong)
{
    struct stat st;
    int rc = open_locked(d, path, &st, wrong);

    if (rc == 0)
        rc = recognise(d, &st, wrong);
    if (rc < 0)
        data_dir_close(d);
    else
        ballast_keep(d->fd, free_bytes(d->fd));
    return rc;
}

int data_dir_open_damaged(struct data_dir *d, const char *path, struct strb *wrong)
{
    struct stat st;
    const int rc = open_locked(d, path, &st, wrong);

    if (rc < 0)
        data_dir_close(d);
    return rc;
}

int data_dir_begin(struct data_dir *d, struct strb *wrong)
{
    struct stat st;

    if (fstat(d->fd, &st) < 0)
        return say_errno(wrong, "stat the directory", d->path);
    const int rc = begin_new(d, &st, wrong);
    if (rc == 0)
        ballast_keep(d->fd, free_bytes(d->fd));
    return rc;
}

int data_dir_settle(struct data_dir *d, struct strb *wrong)
{
    char text[MARKED_LINE_MAX];

    if (!d->is_new)
        return 0;
    const size_t len = marked_line_make(identity_word, d->identity, sizeof(d->identity), text);
    const int rc = small_file_write(d->fd, "identity", span_from(text, len));
    if (rc < 0)
        strb_addf(wrong, "%s/identity: can't write it: %s", d->path, werr_text(rc));
    else
        d->is_new = false;
    return rc;
}

uint64_t data_dir_node_id(const struct data_dir *d)
{
    uint64_t id;

    memcpy(&id, d->identity, sizeof(id));
    id &= INT64_MAX;
    return id != 0 ? id : 1;
}

bool data_dir_has(const struct data_dir *d, const char *name)
{
    struct stat st;

    return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int data_dir_enter(const struct data_dir *d, const char *name, int *fd, struct strb *wrong)
{
    const bool is_made = mkdirat(d->fd, name, DIR_MODE) == 0;

    if ((!is_made && errno != EEXIST) || (is_made && fsync(d->fd) < 0))
        return say_errno(wrong, "make a directory in it", d->path);
    *fd = openat(d->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? say_errno(wrong, "open a directory in it", d->path) : 0;
}

int data_dir_check_space(const struct data_dir *d, uint64_t bytes, struct strb *wrong)
{
    const uint64_t found = free_bytes(d->fd);

    if (found >= bytes)
        return 0;
    strb_addf(wrong, "%s: its disk has %" PRIu64 " bytes free, %" PRIu64 " are needed", d->path,
              found, bytes);
    return WERR_NO_SPACE;
}

void data_dir_close(struct data_dir *d)
{
    if (d->path == NULL)
        return;
    free(d->path);
    if (d->lock_fd >= 0)
        (void)close(d->lock_fd);
    if (d->fd >= 0)
        (void)close(d->fd);
    *d = (struct data_dir){.fd = -1, .lock_fd = -1};
}
