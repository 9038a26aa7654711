/* access_log.h - the worker's access log: one line for each exchange.
 *
 * Off unless the worker was told where to write (WELDR_ACCESS_LOG in its environment, set by
 * the manager); then worker->access_log is NULL and an exchange pays for a branch. The exchange
 * calls access_log_exchange in its last step; the line is printed (access_line.h) straight into
 * the buffer of a line_sink, which is written when it is full or after 200 ms. Lines that can't
 * be written are dropped and counted (access_log_lost), and one warning a minute tells of it.
 *
 * added_us, the time that Weldr itself added: what passed from the loop's wake-up with the
 * request until its head was handed to the server's connection, the making of that connection
 * left out, and from the wake-up with the last event until the end. Passing on parts of a body
 * in between does not count, nor what the kernel kept while the worker was busy with others.
 *
 * Owner: the process (worker_main.c). The worker must outlive it.
 */
#ifndef WELDR_WORKER_ACCESS_LOG_H
#define WELDR_WORKER_ACCESS_LOG_H

#include "base/timers.h"
#include "log/line_sink.h"
#include "worker/access_line.h"

struct worker;
struct exchange;

struct access_log {
    struct worker *worker;
    struct line_sink *sink;
    struct timer timer; /* runs while the sink has lines */
    access_line_fn print;
    struct access_clock clock;
    uint64_t lost_counted; /* of sink->lost, in the statistics already */
    uint64_t lost_warned;
    uint64_t warn_at_ms; /* not before */
};

/* to: "stdout", "syslog" or the path of a file; becomes w->access_log. WERR_NOMEM. */
int access_log_start(struct access_log *a, struct worker *w, const char *to,
                     bool is_combined) MUST_USE;
/* Writes what is left and frees; nothing happens when it was not started. */
void access_log_end(struct access_log *a);
/* Writes what it holds, as far as that goes at once. */
void access_log_flush(struct access_log *a);
/* The file may have been renamed. */
void access_log_reopen(struct access_log *a);

/* The request head was handed to the lane just now. For ex_is_timed() only, as the next:
 * without an access log too. */
void access_log_sent(struct exchange *ex);
/* It is over: what added_us is. */
uint64_t access_log_added_us(const struct exchange *ex);
/* It is over: its line. */
void access_log_exchange(struct access_log *a, const struct exchange *ex);

#endif
