/* log_opener.h - opens where the access log goes, for the workers, which may open nothing.
 *
 * The manager opens it once (file, standard output, syslog's socket), all workers write to that
 * one description, and each that is started gets a copy over its channel. It is opened anew at
 * SIGHUP, since the file may have been renamed, and when a worker says that it has nowhere to
 * write: a pipe by name that nobody read at first, a syslog that was started again. That is
 * tried at most every LOG_OPENER_AGAIN_MS.
 *
 * Owner: the manager.
 */
#ifndef WELDR_MANAGER_LOG_OPENER_H
#define WELDR_MANAGER_LOG_OPENER_H

#include <stdint.h>

#include "base/werr.h"
#include "log/line_sink.h"

struct publish;

enum { LOG_OPENER_AGAIN_MS = 100 };

struct log_opener {
    struct publish *publish;
    const char *to; /* as --access-log says; NULL: off */
    int fd;         /* -1: not open */
    uint8_t way;    /* enum nowait_way */
    uint64_t again_ms;
};

/* to: borrowed; NULL: off. A file that can't be opened is WERR_DENIED, WERR_NOT_FOUND …; a pipe
 * that nobody reads yet, or a syslog that is away, is not: it comes later. */
int log_opener_start(struct log_opener *o, struct publish *p, const char *to) MUST_USE;
/* Opens it again; what fails leaves the old one in use. */
void log_opener_reopen(struct log_opener *o);
/* A worker has nowhere to write. */
void log_opener_want(struct log_opener *o, uint64_t now_ms);
void log_opener_end(struct log_opener *o);

#endif
