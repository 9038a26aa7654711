/* line_sink.h - where lines go in bulk: a file, standard output or the machine's syslog,
 * without ever waiting.
 *
 * Who may open files does so (line_sink_open, the manager) and hands the descriptor to whoever
 * has lines (line_sink_take, a worker), who may not.
 *
 * Made for the access log: lines are put into one buffer of 64 KiB (line_sink_reserve, then
 * line_sink_commit) and written when it is full or when the owner calls line_sink_flush, which
 * it does by a timer. What the other side does not take (a stuck pipe, a full disk, a syslog
 * that is away) stays in the buffer and is tried again at the next flush; when there is no room
 * left, new lines are dropped and counted in lost. Meanwhile a line costs no system call.
 *
 * A file is opened for appending, so that several processes may write to one: it gets the
 * buffer in one write, of whole lines. All else gets pieces of whole lines of at most PIPE_BUF
 * bytes, which a pipe takes whole or not at all. Standard output is opened anew
 * (nowait.h). Syslog: one datagram a line in
 * the style of RFC 3164, facility local0, severity info. Owner: one process, one thread.
 */
#ifndef WELDR_LOG_LINE_SINK_H
#define WELDR_LOG_LINE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/werr.h"

enum line_sink_kind { LINE_SINK_FILE, LINE_SINK_STDOUT, LINE_SINK_SYSLOG };
enum {
    LINE_SINK_BYTES = 64 * 1024,
    LINE_SINK_LINE_MAX = 4096 /* the line end included; PIPE_BUF */
};

struct line_sink {
    uint8_t kind;  /* enum line_sink_kind */
    uint8_t way;   /* how fd is written to; enum nowait_way; not of syslog */
    bool is_stuck; /* the last flush left something: nothing is tried before the next */
    bool is_torn;  /* the first line of the buffer has been written in part */
    int fd;        /* -1: none, or the syslog is away: the owner gets another */
    int error;     /* errno of the last failure (line_sink_why) */
    uint64_t lost; /* lines dropped so far */
    size_t len;
    char buf[LINE_SINK_BYTES];
};

/* "stdout", "syslog" or the path of a file. */
enum line_sink_kind line_sink_kind_of(const char *to);
/* path: of the file, or of syslog's socket (NULL: /dev/log); not used for standard output. A
 * descriptor that several sinks may share, close-on-exec, and how it is written to; -1 with
 * errno. */
int line_sink_open(enum line_sink_kind kind, const char *path, uint8_t *way);
/* Without a descriptor. NULL: no memory. */
struct line_sink *line_sink_new(enum line_sink_kind kind);
/* Flushes to the descriptor that it has, which is closed, and goes on with this one, which it
 * takes. */
void line_sink_take(struct line_sink *s, int fd, uint8_t way);
/* Flushes; what can't be written then is counted as lost. Nothing is to be added afterwards. */
void line_sink_end(struct line_sink *s);
void line_sink_free(struct line_sink *s); /* NULL allowed */

/* Room for LINE_SINK_LINE_MAX bytes, valid until the next call; NULL: the line is lost, and
 * counted. */
char *line_sink_reserve(struct line_sink *s);
/* n bytes were written there; the last is a line end, the only one. */
void line_sink_commit(struct line_sink *s, size_t n);
/* Writes as much as is taken at once. Check has_lines afterwards: call again later if so. */
void line_sink_flush(struct line_sink *s);
/* Why writing failed last, in words. */
const char *line_sink_why(const struct line_sink *s);
static inline bool line_sink_has_lines(const struct line_sink *s)
{
    return s->len > 0;
}
#endif
