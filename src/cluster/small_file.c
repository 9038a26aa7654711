#include "cluster/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { TEMPORARY_MAX = SMALL_FILE_NAME_MAX + 5 };

int small_file_read_at(int fd, void *buf, size_t n, size_t offset, size_t *len)
{
    size_t done = 0;

    while (done < n) {
        const ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno != EINTR)
            return werr_from_errno(errno);
        if (got == 0)
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    *len = done;
    return 0;
}

int small_file_write_at(int fd, const void *buf, size_t n, size_t offset)
{
    size_t done = 0;

    while (done < n) {
        const ssize_t put =
            pwrite(fd, (const char *)buf + done, n - done, (off_t)(offset + done));

        if (put < 0 && errno != EINTR)
            return werr_from_errno(errno);
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Without waiting: a pipe of that name must not hold up the start. */
int small_file_read(int dir_fd, const char *name, void *buf, size_t cap, size_t *len)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    char more;
    size_t more_n = 0;

    if (fd < 0)
        return werr_from_errno(errno);
    int rc = small_file_read_at(fd, buf, cap, 0, len);
    if (rc == 0 && *len == cap)
        rc = small_file_read_at(fd, &more, 1, cap, &more_n);
    (void)close(fd);
    return rc == 0 && more_n > 0 ? WERR_TOO_BIG : rc;
}

static void name_temporary(const char *name, char temporary[TEMPORARY_MAX])
{
    const int n = snprintf(temporary, TEMPORARY_MAX, "%s.new", name);

    MUST(n > 0 && n < TEMPORARY_MAX);
}

int small_file_begin(int dir_fd, const char *name, int *fd)
{
    char temporary[TEMPORARY_MAX];

    name_temporary(name, temporary);
    *fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                 S_IRUSR | S_IWUSR);
    return *fd < 0 ? werr_from_errno(errno) : 0;
}

int small_file_finish(int dir_fd, const char *name, int fd, int rc)
{
    char temporary[TEMPORARY_MAX];

    name_temporary(name, temporary);
    if (close(fd) < 0 && rc == 0)
        rc = werr_from_errno(errno);
    if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
        rc = werr_from_errno(errno);
    if (rc < 0)
        (void)unlinkat(dir_fd, temporary, 0);
    return rc;
}

static int replace(int dir_fd, const char *name, struct span bytes, bool is_synced)
{
    int fd;
    int rc = small_file_begin(dir_fd, name, &fd);

    if (rc < 0)
        return rc;
    rc = small_file_write_at(fd, bytes.ptr, bytes.len, 0);
    if (rc == 0 && is_synced && fsync(fd) < 0)
        rc = werr_from_errno(errno);
    rc = small_file_finish(dir_fd, name, fd, rc);
    if (rc == 0 && is_synced && fsync(dir_fd) < 0)
        rc = werr_from_errno(errno);
    return rc;
}

int small_file_write(int dir_fd, const char *name, struct span bytes)
{
    return replace(dir_fd, name, bytes, true);
}

int small_file_put(int dir_fd, const char *name, struct span bytes)
{
    return replace(dir_fd, name, bytes, false);
}
