/* listen_fds.h - what a supervisor says in the environment of listening sockets that it has
 * opened for this process: the variables of sd_listen_fds(3).
 *
 * LISTEN_FDS is how many there are, from descriptor LISTEN_FDS_FIRST on; LISTEN_PID is the
 * process that they are meant for, for the variables may have come down to it from another one;
 * LISTEN_FDNAMES has a name for each, between colons. Pure; net/passed.h looks at the
 * descriptors.
 */
#ifndef WELDR_CONFIG_LISTEN_FDS_H
#define WELDR_CONFIG_LISTEN_FDS_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum {
    LISTEN_FDS_FIRST = 3,
    LISTEN_FDS_MAX = 256,
    LISTEN_FDS_NAME_MAX = 255 /* systemd.socket(5), FileDescriptorName= */
};

/* The variables; NULL: it is not there. */
struct listen_fds_texts {
    const char *fds, *pid, *names;
};

struct listen_fds {
    unsigned n;        /* 0: none is meant for this process */
    struct span names; /* as in the variable, borrowed; ptr NULL: it was not there */
};

/* own_pid: of this process. WERR_INVALID: *bad is the name of the variable that can't be used,
 * *why the reason. */
int listen_fds_read(const struct listen_fds_texts *texts, uint64_t own_pid,
                    struct listen_fds *out, const char **bad, const char **why) MUST_USE;
/* Of the i-th, i < n; "unknown" without LISTEN_FDNAMES, as sd_listen_fds_with_names(3) has it.
 * Borrowed. */
struct span listen_fds_name(const struct listen_fds *l, unsigned i);

#endif
