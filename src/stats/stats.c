#include "stats/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/stats_int.h"

enum { WORKERS_MAX = 4096 };

static size_t segment_bytes(unsigned worker_n)
{
    return STATS_HEADER_BYTES + sizeof(struct stats_keys) +
           worker_n * sizeof(struct stats_worker);
}

static struct stats *map_segment(int fd, size_t bytes)
{
    struct stats *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (s->map == MAP_FAILED) {
        free(s);
        return NULL;
    }
    s->map_bytes = bytes;
    /* Gigabytes, of which little is used: a core file would have all of it. The manager logs
     * the last events of a worker that dies. Without the advice all works as well. */
    (void)madvise(s->map, bytes, MADV_DONTDUMP);
    s->keys = (struct stats_keys *)(void *)(s->map + STATS_HEADER_BYTES);
    s->worker = (struct stats_worker *)(void *)(s->keys + 1);
    return s;
}

/* The size is sealed: no holder of the descriptor can make a reader fault by cutting it short.
 */
static int make_segment(size_t bytes)
{
    int fd = memfd_create("weldr-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)bytes) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

struct stats *stats_new(unsigned worker_n, int *fd)
{
    MUST(worker_n <= WORKERS_MAX);
    int made = make_segment(segment_bytes(worker_n));
    if (made < 0)
        return NULL;
    struct stats *s = map_segment(made, segment_bytes(worker_n));
    if (s == NULL) {
        close(made);
        errno = ENOMEM;
        return NULL;
    }
    *stats_header(s) = (struct stats_header){
        .magic = STATS_MAGIC,
        .version = STATS_VERSION,
        .worker_n = worker_n,
        .slot_bytes = sizeof(struct stats_worker),
        .seat_n = worker_n,
    };
    s->worker_n = worker_n;
    *fd = made;
    return s;
}

static bool is_header_good(const struct stats_header *h, size_t map_bytes)
{
    return h->magic == STATS_MAGIC && h->version == STATS_VERSION &&
           h->worker_n <= WORKERS_MAX && h->slot_bytes == sizeof(struct stats_worker) &&
           segment_bytes(h->worker_n) == map_bytes;
}

struct stats *stats_open(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size < (off_t)segment_bytes(0))
        return NULL;
    struct stats *s = map_segment(fd, (size_t)st.st_size);
    if (s == NULL)
        return NULL;
    if (!is_header_good(stats_header(s), s->map_bytes)) {
        stats_free(s);
        return NULL;
    }
    s->worker_n = stats_header(s)->worker_n;
    return s;
}

void stats_free(struct stats *s)
{
    if (s == NULL)
        return;
    if (s->carried != NULL)
        munmap(s->carried, sizeof(*s->carried));
    munmap(s->map, s->map_bytes);
    free(s);
}

unsigned stats_worker_n(const struct stats *s)
{
    return s->worker_n;
}

void stats_use(struct stats *s, unsigned seat_n)
{
    MUST(seat_n <= s->worker_n);
    __atomic_store_n(&stats_header(s)->seat_n, seat_n, __ATOMIC_RELAXED);
}

struct stats_worker *stats_worker(struct stats *s, unsigned id)
{
    MUST(id < s->worker_n);
    return &s->worker[id];
}
