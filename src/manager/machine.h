/* machine.h - what this process may use of its machine: CPUs and memory.
 *
 * A container sees all CPUs and all memory of its machine, and gets less: as many CPUs as it
 * may run on (sched_setaffinity(2)), a share of their time (cpu.max) and of memory (memory.max)
 * of its control group, version 2, and of those above it. More workers than CPUs wait for each
 * other, and more memory than that ends the process. Read once, at the start. */
#ifndef WELDR_MANAGER_MACHINE_H
#define WELDR_MANAGER_MACHINE_H

#include <stdint.h>

#define MACHINE_CGROUP_FILE "/proc/self/cgroup"
#define MACHINE_CGROUP_ROOT "/sys/fs/cgroup"

struct machine {
    unsigned cpus;         /* that it may run on, at least one */
    unsigned quota_cpus;   /* by cpu.max, rounded up; 0: no limit */
    uint64_t memory_bytes; /* by memory.max; 0: no limit */
};

/* file: which control group it is in; root: where their files are. What is not there, or can't
 * be read, is no limit. */
void machine_look(struct machine *x, const char *file, const char *root);
/* wanted: by --workers; 0: one for each CPU that may be used at the same time, at most
 * CONFIG_WORKERS_MAX. */
unsigned machine_workers(const struct machine *x, unsigned wanted);
/* What a worker may queue unless somebody says otherwise: at most standard; of all workers half
 * of the memory, but never less than least. */
uint64_t machine_queue_bytes(const struct machine *x, unsigned workers, uint64_t standard,
                             uint64_t least);
/* To the log, if a limit was found: what Weldr has made of it. */
void machine_tell(const struct machine *x, unsigned workers, uint64_t queue_bytes);

#endif
