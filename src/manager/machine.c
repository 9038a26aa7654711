#include "manager/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "config/config.h"
#include "log/log.h"
#include "manager/cgroup_text.h"

enum { FILE_BYTES = 4096 };

/* Empty when it can't be read. */
static struct span read_file(const char *path, char buf[FILE_BYTES])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, buf, FILE_BYTES) : -1;

    if (fd >= 0)
        (void)close(fd);
    return span_from(buf, n > 0 ? (size_t)n : 0);
}

static struct span read_limit(const char *root, struct span group, const char *name,
                              char buf[FILE_BYTES])
{
    char path[PATH_MAX];
    const int n =
        snprintf(path, sizeof(path), "%s%.*s/%s", root, (int)group.len, group.ptr, name);

    return n > 0 && (size_t)n < sizeof(path) ? read_file(path, buf) : SPAN_NONE;
}

static void look_at_group(struct machine *x, const char *root, struct span group)
{
    char buf[FILE_BYTES];
    unsigned cpus;
    uint64_t bytes;

    if (cgroup_cpus(read_limit(root, group, "cpu.max", buf), &cpus) == 0 && cpus > 0 &&
        (x->quota_cpus == 0 || cpus < x->quota_cpus))
        x->quota_cpus = cpus;
    if (cgroup_bytes(read_limit(root, group, "memory.max", buf), &bytes) == 0 && bytes > 0 &&
        (x->memory_bytes == 0 || bytes < x->memory_bytes))
        x->memory_bytes = bytes;
}

/* A limit of a group holds for those in it. */
void machine_look(struct machine *x, const char *file, const char *root)
{
    char buf[FILE_BYTES];
    struct span group;
    cpu_set_t cpus;

    *x = (struct machine){.cpus = 1};
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 0)
        x->cpus = (unsigned)CPU_COUNT(&cpus);
    if (cgroup_path(read_file(file, buf), &group) < 0)
        group = SPAN(""); /* a container that sees only its own group sees it there */
    look_at_group(x, root, group);
    while (group.len > 0) {
        do {
            group.len--;
        } while (group.ptr[group.len] != '/');
        look_at_group(x, root, group);
    }
}

unsigned machine_workers(const struct machine *x, unsigned wanted)
{
    unsigned n = x->cpus;

    if (wanted > 0)
        return wanted;
    if (x->quota_cpus > 0 && x->quota_cpus < n)
        n = x->quota_cpus;
    return n > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX : n;
}

uint64_t machine_queue_bytes(const struct machine *x, unsigned workers, uint64_t standard,
                             uint64_t least)
{
    const uint64_t share = x->memory_bytes / 2 / (workers > 0 ? workers : 1);

    if (x->memory_bytes == 0 || share >= standard)
        return standard;
    return share > least ? share : least;
}

void machine_tell(const struct machine *x, unsigned workers, uint64_t queue_bytes)
{
    if (x->quota_cpus == 0 && x->memory_bytes == 0)
        return;
    log_info("the control group limits this process", LOG_U("cpus", x->cpus),
             LOG_U("cpus_by_cpu_max", x->quota_cpus),
             LOG_U("bytes_by_memory_max", x->memory_bytes), LOG_U("workers", workers),
             LOG_U("queue_bytes", queue_bytes));
}
