/*
 * The kernel's files of a control group: the first byte says which. A path that was found leads
 * nowhere but down, and a number that was read is that of a text which is read as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "manager/cgroup_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_path(struct span text)
{
    struct span path;

    if (cgroup_path(text, &path) < 0)
        return;
    MUST(path.len == 0 || path.ptr[0] == '/');
    MUST(path.ptr >= text.ptr && path.ptr + path.len <= text.ptr + text.len);
    MUST(memmem(path.ptr, path.len, "/../", 4) == NULL);
}

static void try_cpus(struct span text)
{
    unsigned n, again;
    char buf[64];

    if (cgroup_cpus(text, &n) < 0 || n == 0)
        return;
    (void)snprintf(buf, sizeof(buf), "%u000 1000\n", n);
    MUST(cgroup_cpus(span_from_str(buf), &again) == 0 && again == n);
}

static void try_bytes(struct span text)
{
    uint64_t n, again;
    char buf[64];

    if (cgroup_bytes(text, &n) < 0)
        return;
    (void)snprintf(buf, sizeof(buf), "%llu\n", (unsigned long long)n);
    MUST(cgroup_bytes(span_from_str(buf), &again) == 0 && again == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_from(data, size);

    if (size == 0)
        return 0;
    if (data[0] == 'p')
        try_path(span_skip(text, 1));
    else if (data[0] == 'c')
        try_cpus(span_skip(text, 1));
    else
        try_bytes(span_skip(text, 1));
    return 0;
}
