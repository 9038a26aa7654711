#include "cluster/log_sizes.h"

static void put(struct log_sizes *s, uint32_t bytes)
{
    s->last++;
    s->bytes[s->last % LOG_SIZES_N] = bytes;
    if (s->known_n < LOG_SIZES_N)
        s->known_n++;
}

void log_sizes_add(struct log_sizes *s, uint64_t index, size_t bytes)
{
    if (index <= s->last)
        return;
    if (index - s->last > LOG_SIZES_N)
        s->last = index - LOG_SIZES_N;
    while (s->last + 1 < index)
        put(s, 0);
    put(s, (uint32_t)bytes);
    s->since += bytes;
}

void log_sizes_restart(struct log_sizes *s, uint64_t index)
{
    s->last = index;
    s->known_n = 0;
    s->since = 0;
}

bool log_sizes_is_over(const struct log_sizes *s)
{
    return s->since > LOG_SIZES_MOST;
}

/* What isn't known is taken for too much. */
unsigned log_sizes_snapshot(struct log_sizes *s)
{
    uint64_t sum = 0;
    unsigned n = 0;

    while (n < s->known_n) {
        sum += s->bytes[(s->last - n) % LOG_SIZES_N];
        if (sum > LOG_SIZES_TRAIL)
            break;
        n++;
    }
    s->since = 0;
    return n > 0 ? n : 1; /* 0 would mean to libraft that the log ends */
}
