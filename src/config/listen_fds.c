#include "config/listen_fds.h"

#include "base/num.h"

static int refuse(const char **bad, const char **why, const char *name, const char *reason)
{
    *bad = name;
    *why = reason;
    return WERR_INVALID;
}

/* As many as there are descriptors, and none too long. */
static bool are_names_good(struct span rest, unsigned n)
{
    unsigned colons = 0;

    for (size_t i = 0; i < rest.len; i++)
        colons += rest.ptr[i] == ':';
    if (colons + 1 != n)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (span_cut(&rest, ':').len > LISTEN_FDS_NAME_MAX)
            return false;
    return true;
}

int listen_fds_read(const struct listen_fds_texts *texts, uint64_t own_pid,
                    struct listen_fds *out, const char **bad, const char **why)
{
    uint64_t pid, n;

    *out = (struct listen_fds){0};
    if (texts->pid == NULL || texts->fds == NULL)
        return 0;
    if (num_from_dec(span_from_str(texts->pid), INT32_MAX, &pid) < 0)
        return refuse(bad, why, "LISTEN_PID", "must be the id of a process");
    if (pid != own_pid)
        return 0;
    if (num_from_dec(span_from_str(texts->fds), LISTEN_FDS_MAX, &n) < 0)
        return refuse(bad, why, "LISTEN_FDS", "must be a number of sockets, 256 at most");
    if (n > 0 && texts->names != NULL &&
        !are_names_good(span_from_str(texts->names), (unsigned)n))
        return refuse(bad, why, "LISTEN_FDNAMES",
                      "must have a name of at most 255 bytes for each socket of LISTEN_FDS");
    out->n = (unsigned)n;
    out->names = texts->names != NULL ? span_from_str(texts->names) : SPAN_NONE;
    return 0;
}

struct span listen_fds_name(const struct listen_fds *l, unsigned i)
{
    struct span rest = l->names, name = span_from_str("unknown");

    MUST(i < l->n);
    for (unsigned k = 0; rest.ptr != NULL && k <= i; k++)
        name = span_cut(&rest, ':');
    return name;
}
