#include "net/local.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOCAL_BACKLOG = 128 };

static int open_socket(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? werr_from_errno(errno) : fd;
}

/* Only a socket that nobody listens at refuses. A queue that is full (EAGAIN) is somebody's. */
static bool is_left_over(const struct sockaddr_un *at)
{
    const int fd = open_socket();

    if (fd < 0)
        return false;
    const bool refuses =
        connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 && errno == ECONNREFUSED;

    (void)close(fd);
    return refuses;
}

static int make_way(const struct sockaddr_un *at)
{
    struct stat st;

    if (lstat(at->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : werr_from_errno(errno);
    if (!S_ISSOCK(st.st_mode))
        return WERR_EXISTS;
    if (!is_left_over(at))
        return WERR_ADDR_IN_USE;
    return unlink(at->sun_path) < 0 && errno != ENOENT ? werr_from_errno(errno) : 0;
}

/* The mask makes the mode before anybody can connect; nothing else runs in this process. */
static int bind_and_listen(int fd, const struct sockaddr_un *at, struct local_file *file)
{
    const mode_t before = umask(0177);
    const int rc = bind(fd, (const struct sockaddr *)at, sizeof(*at));
    struct stat st;

    (void)umask(before);
    if (rc < 0 || listen(fd, LOCAL_BACKLOG) < 0 || lstat(at->sun_path, &st) < 0)
        return werr_from_errno(errno);
    *file = (struct local_file){st.st_dev, st.st_ino};
    return 0;
}

int local_listen(const char *path, struct local_file *file)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    const size_t len = strlen(path);

    if (len > LOCAL_PATH_MAX)
        return WERR_TOO_BIG;
    memcpy(at.sun_path, path, len);
    int rc = make_way(&at);

    if (rc < 0)
        return rc;
    const int fd = open_socket();

    if (fd < 0)
        return fd;
    rc = bind_and_listen(fd, &at, file);
    if (rc == 0)
        return fd;
    (void)close(fd);
    return rc;
}

void local_find(const char *path, struct local_file *file)
{
    struct stat st;

    *file = (struct local_file){0};
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        *file = (struct local_file){st.st_dev, st.st_ino};
}

void local_remove(const char *path, const struct local_file *file)
{
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->number)
        (void)unlink(path);
}
