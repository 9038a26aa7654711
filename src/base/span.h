/* span.h - a borrowed run of bytes: pointer and length, never owned, never NUL-terminated.
 *
 * Used everywhere bytes are looked at. Whoever hands out a span says how long it lives.
 */
#ifndef WELDR_BASE_SPAN_H
#define WELDR_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE     ((struct span){NULL, 0})

static inline struct span span_from(const void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

static inline struct span span_from_str(const char *str)
{
    return (struct span){str, strlen(str)};
}

static inline bool span_is_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The rest after the first n bytes; n must not exceed the length. */
static inline struct span span_skip(struct span s, size_t n)
{
    return (struct span){n != 0 ? s.ptr + n : s.ptr, s.len - n};
}

static inline struct span span_first(struct span s, size_t n)
{
    return (struct span){s.ptr, n < s.len ? n : s.len};
}

/* Equal without regard to ASCII case. */
bool span_is_equal_nocase(struct span a, struct span b);
bool span_has_prefix(struct span s, struct span prefix);
/* Without SP and HTAB at both ends (OWS of RFC 9110 section 5.6.3). */
struct span span_trim(struct span s);
/* Without line ends (CR, LF) too: what is read from files. */
struct span span_trim_lines(struct span s);
/* Index of the first byte c, or s.len. */
size_t span_find(struct span s, char c);
/* Cuts off what stands before the first separator, or all: *rest goes behind the separator, and
 * is SPAN_NONE when there was none. */
struct span span_cut(struct span *rest, char separator);
/* Cuts the next element off a comma list (RFC 9110 section 5.6.1): *rest is advanced, *item is
 * trimmed; empty elements are passed over; quoted strings are not known. False when there is
 * none left. */
bool span_next_item(struct span *rest, struct span *item);
/* Copies to a NUL-terminated buffer; WERR_TOO_BIG (and an empty string) when it does not fit or
 * holds a NUL. */
int span_to_str(struct span s, char *buf, size_t size) __attribute__((warn_unused_result));

#endif
