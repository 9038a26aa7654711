/* log.h - one line an event on stderr: key=value, stable keys.
 *
 *   time=2026-11-23T15:08:14.123Z level=info role=manager msg="proxy listens"
 * address=127.0.0.1:8080
 *
 * On a terminal: coloured, time short, message first and aligned. Values are quoted (with \"
 * \\ \n \xNN escapes) when they hold anything but printable ASCII without space, quote, '=' ;
 * so no input can forge a line or a key. Each call site has its own rate limit for error, warn
 * and info (10 lines a second; none is dropped silently: the next line that passes carries
 * suppressed=N), but for what happens once and is asked for later (log_each); debug and trace
 * pass all. A line has at most 4096 bytes: pairs that do not fit are left out and it ends with
 * truncated=1. One write(2) a line, which never waits (nowait.h): a line that a stuck pipe or
 * terminal does not take is lost, and the next one that gets out has msg="log lines are lost"
 * lines=N before it. What comes of one change in thousands of lines goes out in larger pieces
 * (log_gather). Levels: error = the operator must act; warn = degraded; info = changes of
 * state; debug = per exchange; trace = state moves.
 */
#ifndef WELDR_LOG_LOG_H
#define WELDR_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

struct log_site {
    uint64_t window_s;
    uint32_t n;
    uint32_t suppressed;
};

/* role: "manager" or "worker"; id: the worker's, -1 = none (key worker=N). Detects a terminal.
 */
void log_init(const char *role, int id, enum log_level level);
void log_set_level(enum log_level level);
extern enum log_level log_level_now;
const char *log_level_word(enum log_level level);
uint64_t log_dropped(void); /* lines that stderr did not take */
/* Until false is said lines for a file or a pipe are kept and written together. Only within one
 * call from the loop: what is kept is lost with a process that is killed; a panic writes it. */
void log_gather(bool is_on);

/* format gives key=value pairs after msg: pairs of (key, format, value…) are made with the
 * LOG_* argument macros below. Use: log_info("server is down", LOG_S("server", url),
 * LOG_U("failures", n)); */
struct log_pair {
    const char *key; /* NULL ends the list */
    enum {
        LOG_PAIR_STR,
        LOG_PAIR_INT,
        LOG_PAIR_UINT,
        LOG_PAIR_HEX,
        LOG_PAIR_ID,
        LOG_PAIR_BYTES
    } kind;
    const char *str;
    uint64_t number; /* LOG_PAIR_BYTES: length of str */
};
#define LOG_S(k, v) ((struct log_pair){(k), LOG_PAIR_STR, (v), 0})
#define LOG_I(k, v) ((struct log_pair){(k), LOG_PAIR_INT, NULL, (uint64_t)(int64_t)(v)})
#define LOG_U(k, v) ((struct log_pair){(k), LOG_PAIR_UINT, NULL, (uint64_t)(v)})
#define LOG_X(k, v) ((struct log_pair){(k), LOG_PAIR_HEX, NULL, (uint64_t)(v)})
/* Of a member, or a digest: all 16 digits, as the API has it. */
#define LOG_ID(k, v)   ((struct log_pair){(k), LOG_PAIR_ID, NULL, (uint64_t)(v)})
#define LOG_B(k, span) ((struct log_pair){(k), LOG_PAIR_BYTES, (span).ptr, (span).len})

/* site: NULL: no rate limit. */
void log_line(struct log_site *site, enum log_level level, const char *message,
              const struct log_pair *pairs);

#define LOG_AT(level, message, ...)                                             \
    do {                                                                        \
        static struct log_site log_site_here;                                   \
        if ((level) <= log_level_now)                                           \
            log_line(&log_site_here, (level), (message),                        \
                     (const struct log_pair[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)
/* At every level: what can be learned nowhere else. */
#define log_always(message, ...)                                            \
    do {                                                                    \
        static struct log_site log_site_here;                               \
        log_line(&log_site_here, LOG_INFO, (message),                       \
                 (const struct log_pair[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)
/* Each one, however many there are: changes of the pool and transitions of its servers. */
#define log_each(level, message, ...)                                           \
    do {                                                                        \
        if ((level) <= log_level_now)                                           \
            log_line(NULL, (level), (message),                                  \
                     (const struct log_pair[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)
#define log_error(message, ...) LOG_AT(LOG_ERROR, message, ##__VA_ARGS__)
#define log_warn(message, ...)  LOG_AT(LOG_WARN, message, ##__VA_ARGS__)
#define log_info(message, ...)  LOG_AT(LOG_INFO, message, ##__VA_ARGS__)
#define log_debug(message, ...) LOG_AT(LOG_DEBUG, message, ##__VA_ARGS__)
#define log_trace(message, ...) LOG_AT(LOG_TRACE, message, ##__VA_ARGS__)

#endif
