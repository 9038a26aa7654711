#include "base/heap.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "base/num.h"
#include "base/span.h"

/* So much stays at the end, for what comes next. */
enum { PAD_BYTES = 256 * 1024 };

static int statm_fd = -1;

void heap_watch(void)
{
    if (statm_fd < 0)
        statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* The number behind n others. */
static uint64_t number_at(struct span text, unsigned n)
{
    uint64_t value = 0;
    size_t at = 0, end;
    for (; n > 0 && at < text.len; at++)
        n -= text.ptr[at] == ' ' ? 1 : 0;
    for (end = at; end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9'; end++)
        ;
    if (num_from_dec(span_from(text.ptr + at, end - at), UINT64_MAX, &value) != 0)
        return 0;
    return value;
}

/* "size resident shared …" in pages; shared is what a file or the segment backs. */
static size_t private_bytes(void)
{
    char buf[128];
    ssize_t n = statm_fd >= 0 ? pread(statm_fd, buf, sizeof(buf), 0) : -1;
    struct span text = span_from(buf, n > 0 ? (size_t)n : 0);
    uint64_t resident = number_at(text, 1), shared = number_at(text, 2);
    return resident > shared ? (resident - shared) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

size_t heap_held_bytes(void)
{
    size_t owned = private_bytes();
    size_t used = mallinfo2().uordblks;
    return owned > used ? owned - used : 0;
}

void heap_trim(void)
{
    (void)malloc_trim(PAD_BYTES);
}
