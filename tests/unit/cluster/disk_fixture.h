/* disk_fixture.h - a directory of the test's own, and damage to files in it. */
#ifndef WELDR_TESTS_DISK_FIXTURE_H
#define WELDR_TESTS_DISK_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strb.h"

struct disk {
    char path[64]; /* of the directory */
    int fd;
    char text[1024];
    struct strb wrong;
};

static inline void disk_make(struct disk *d)
{
    strcpy(d->path, "/tmp/weldr-disk-XXXXXX");
    if (mkdtemp(d->path) == NULL)
        abort();
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    strb_init(&d->wrong, d->text, sizeof(d->text));
}

/* A sentence that was said is forgotten. */
static inline struct strb *disk_wrong(struct disk *d)
{
    strb_init(&d->wrong, d->text, sizeof(d->text));
    return &d->wrong;
}

static inline void disk_empty(int dir_fd)
{
    const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fdopendir(fd);

    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(dir_fd, e->d_name, 0) == 0)
            continue;
        const int below = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (below < 0)
            abort();
        disk_empty(below);
        (void)close(below);
        (void)unlinkat(dir_fd, e->d_name, AT_REMOVEDIR);
    }
    (void)closedir(list);
}

static inline void disk_remove(struct disk *d)
{
    disk_empty(d->fd);
    (void)close(d->fd);
    if (rmdir(d->path) < 0)
        abort();
}

/* Snapshots in the log of a node's directory; *latest: the entry that the last of them ends
 * with, or 0. */
static inline unsigned disk_look_at_snapshots(const char *node_path, uint64_t *latest)
{
    char path[128];
    unsigned n = 0;

    *latest = 0;
    (void)snprintf(path, sizeof(path), "%s/log", node_path);
    DIR *list = opendir(path);
    if (list == NULL)
        abort();
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        unsigned long long term, index;

        if (strstr(e->d_name, ".meta") != NULL ||
            sscanf(e->d_name, "snapshot-%llu-%llu-", &term, &index) != 2)
            continue;
        n++;
        *latest = index > *latest ? index : *latest;
    }
    (void)closedir(list);
    return n;
}

static inline unsigned disk_snapshots(const char *node_path)
{
    uint64_t latest;

    return disk_look_at_snapshots(node_path, &latest);
}

static inline uint64_t disk_snapshot_index(const char *node_path)
{
    uint64_t latest;

    (void)disk_look_at_snapshots(node_path, &latest);
    return latest;
}

/* Descriptors of this process. */
static inline unsigned disk_fds(void)
{
    DIR *list = opendir("/proc/self/fd");
    unsigned n = 0;

    if (list == NULL)
        abort();
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list))
        n += e->d_name[0] != '.' ? 1 : 0;
    (void)closedir(list);
    return n;
}

static inline void disk_put(int dir_fd, const char *name, const void *bytes, size_t n)
{
    const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || (n > 0 && write(fd, bytes, n) != (ssize_t)n))
        abort();
    (void)close(fd);
}

/* malloc'd. */
static inline uint8_t *disk_get(int dir_fd, const char *name, size_t *n)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL || read(fd, bytes, (size_t)st.st_size) != st.st_size)
        abort();
    (void)close(fd);
    *n = (size_t)st.st_size;
    return bytes;
}

static inline bool disk_has(int dir_fd, const char *name)
{
    return faccessat(dir_fd, name, F_OK, 0) == 0;
}

/* Turns one bit over; turned again it is as before. */
static inline void disk_flip(int dir_fd, const char *name, size_t offset)
{
    const int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    if (fd < 0 || pread(fd, &byte, 1, (off_t)offset) != 1)
        abort();
    byte ^= 0x10;
    if (pwrite(fd, &byte, 1, (off_t)offset) != 1)
        abort();
    (void)close(fd);
}

static inline void disk_cut(int dir_fd, const char *name, size_t n)
{
    const int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)n) < 0)
        abort();
    (void)close(fd);
}

#endif
