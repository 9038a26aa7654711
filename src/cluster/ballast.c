#include "cluster/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char name[] = "ballast";

static void make(int dir_fd)
{
    const int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);

    if (fd < 0)
        return;
    /* A file with holes, where the file system can't do better, would give nothing back. */
    if (fallocate(fd, 0, 0, BALLAST_BYTES) < 0)
        (void)unlinkat(dir_fd, name, 0);
    (void)close(fd);
}

void ballast_keep(int dir_fd, uint64_t free_bytes)
{
    if (free_bytes < BALLAST_SHORT_BYTES)
        (void)unlinkat(dir_fd, name, 0);
    else if (free_bytes > 2 * (uint64_t)BALLAST_BYTES)
        make(dir_fd);
}
