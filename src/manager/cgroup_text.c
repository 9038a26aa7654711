#include "manager/cgroup_text.h"

#include "base/num.h"

/* Does one of its parts lead upwards? */
static bool leads_up(struct span path)
{
    while (path.len > 0)
        if (span_is_equal(span_cut(&path, '/'), SPAN("..")))
            return true;
    return false;
}

int cgroup_path(struct span text, struct span *path)
{
    while (text.len > 0) {
        const struct span line = span_cut(&text, '\n');

        if (!span_has_prefix(line, SPAN("0::/")))
            continue;
        *path = span_skip(line, sizeof("0::") - 1);
        if (path->ptr[path->len - 1] == '/')
            path->len--;
        return leads_up(*path) ? WERR_NOT_FOUND : 0;
    }
    return WERR_NOT_FOUND;
}

int cgroup_cpus(struct span text, unsigned *cpus)
{
    struct span rest = span_trim_lines(text);
    const struct span word = span_cut(&rest, ' ');
    const bool is_max = span_is_equal(word, SPAN("max"));
    uint64_t quota = 0, period = 0;

    if (num_from_dec(rest, UINT32_MAX, &period) < 0 || period == 0 ||
        (!is_max && (num_from_dec(word, UINT64_MAX - UINT32_MAX, &quota) < 0 || quota == 0)))
        return WERR_SYNTAX;
    const uint64_t n = (quota + period - 1) / period;
    *cpus = n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
    return 0;
}

int cgroup_bytes(struct span text, uint64_t *bytes)
{
    const struct span word = span_trim_lines(text);

    *bytes = 0;
    if (span_is_equal(word, SPAN("max")))
        return 0;
    return num_from_dec(word, UINT64_MAX, bytes) < 0 ? WERR_SYNTAX : 0;
}
