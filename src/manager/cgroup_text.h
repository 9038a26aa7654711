/* cgroup_text.h - what the kernel's files say of a control group, version 2
 * (Documentation/admin-guide/cgroup-v2.rst of Linux). Pure; machine.h reads the files. */
#ifndef WELDR_MANAGER_CGROUP_TEXT_H
#define WELDR_MANAGER_CGROUP_TEXT_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

/* /proc/self/cgroup: the path of the line "0::PATH", borrowed, without a slash at its end:
 * empty is the root. WERR_NOT_FOUND: there is none, or it lies outside of what this process
 * sees
 * ("/../…"). */
int cgroup_path(struct span text, struct span *path) MUST_USE;
/* cpu.max, "QUOTA PERIOD" or "max PERIOD", in µs: so many CPUs at the same time, rounded up; 0:
 * no limit. WERR_SYNTAX. */
int cgroup_cpus(struct span text, unsigned *cpus) MUST_USE;
/* memory.max, bytes or "max"; 0: no limit. WERR_SYNTAX. */
int cgroup_bytes(struct span text, uint64_t *bytes) MUST_USE;

#endif
