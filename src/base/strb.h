/* strb.h - a string builder over a buffer that the caller gives; it never allocates and never
 * overflows.
 *
 * The first piece that does not fit is cut and all after it are left out; strb_is_full() tells;
 * the text stays NUL-terminated. For log lines, keys and small responses; long JSON is
 * jansson's work.
 */
#ifndef WELDR_BASE_STRB_H
#define WELDR_BASE_STRB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct strb {
    char *buf;
    size_t cap; /* bytes of buf, the NUL included */
    size_t len;
    bool full;
};

/* cap > 0 (MUST). */
void strb_init(struct strb *b, char *buf, size_t cap);
/* As much of s as there is room for; then the text is full. */
void strb_add_cut(struct strb *b, struct span s);
/* Room for n bytes? Then they may be written to strb_end() and taken over by strb_commit(). */
static inline bool strb_has_room(const struct strb *b, size_t n)
{
    return !b->full && n < b->cap - b->len;
}
static inline char *strb_end(const struct strb *b)
{
    return b->buf + b->len;
}
static inline void strb_commit(struct strb *b, size_t n)
{
    b->len += n;
    b->buf[b->len] = '\0';
}
/* Inline, so that literals are stored instead of copied: a log line has dozens of them. */
static inline __attribute__((always_inline)) void strb_add(struct strb *b, struct span s)
{
    if (!strb_has_room(b, s.len)) {
        strb_add_cut(b, s);
        return;
    }
    if (s.len > 0)
        memcpy(strb_end(b), s.ptr, s.len);
    strb_commit(b, s.len);
}
static inline void strb_add_char(struct strb *b, char c)
{
    strb_add(b, span_from(&c, 1));
}
void strb_add_str(struct strb *b, const char *str);
void strb_add_u64(struct strb *b, uint64_t n);
void strb_add_hex(struct strb *b, uint64_t n);
void strb_add_hex16(struct strb *b, uint64_t n); /* all 16 digits */
void strb_addf(struct strb *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool strb_is_full(const struct strb *b)
{
    return b->full;
}
static inline struct span strb_span(const struct strb *b)
{
    return (struct span){b->buf, b->len};
}

#endif
