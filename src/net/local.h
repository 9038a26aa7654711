/* local.h - a listening socket with a name in the file system, for callers of this machine.
 *
 * Who may connect is who may write to the file: its mode is 0600 from the first moment on. A
 * file that is left of a process which has ended is replaced; one whose socket somebody listens
 * at, and one that is no socket, are not. Used by the manager; the descriptor is the caller's.
 */
#ifndef WELDR_NET_LOCAL_H
#define WELDR_NET_LOCAL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/werr.h"

enum { LOCAL_PATH_MAX = 107 /* sun_path, less its end */ };

/* Which file it is, so that another's at the same path is left alone. */
struct local_file {
    dev_t device;
    ino_t number;
};

/* A listening descriptor, non-blocking, close-on-exec. WERR_ADDR_IN_USE: somebody listens
 * there; WERR_EXISTS: a file that is no socket; WERR_TOO_BIG: the path; WERR_DENIED,
 * WERR_NOT_FOUND …
 */
int local_listen(const char *path, struct local_file *file) MUST_USE;
/* Of a socket that is inherited: the file at that path is taken for its own. */
void local_find(const char *path, struct local_file *file);
/* Removes it, if it is still that one. */
void local_remove(const char *path, const struct local_file *file);

#endif
