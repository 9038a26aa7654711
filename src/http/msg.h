/* msg.h - the head of a request or response, the same for every HTTP version.
 *
 * A codec's reader fills it; rewrite.c marks and adds; a codec's writer sends it. Received
 * parts are offsets into one run of bytes (base), so that moving the head into an exchange's
 * arena is one copy of the bytes and one of the field list (msg_copy). Added fields are spans
 * that live in the same arena (or are literals).
 *
 * Framing fields (duty FRAME in fields.def) stay in the list for display but writers skip them:
 * the truth about the body is body + content_length, from which a writer makes its own
 * canonical framing.
 */
#ifndef WELDR_HTTP_MSG_H
#define WELDR_HTTP_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "http/field.h"

enum { MSG_FIELDS_MAX = 512, MSG_ADDED_MAX = 16 };

enum msg_body {
    MSG_BODY_NONE,    /* nothing follows the head */
    MSG_BODY_LENGTH,  /* content_length bytes follow (more than 0) */
    MSG_BODY_CHUNKED, /* length unknown, end is marked */
    MSG_BODY_CLOSE,   /* response only: until the connection closes */
};

enum msg_flag {
    MSG_HAS_LENGTH = 1U << 0,      /* the head states content_length, also where no body follows
                                      (HEAD, 304, length 0) */
    MSG_KEEP_ALIVE = 1U << 1,      /* the sender lets the connection live after this message */
    MSG_EXPECT_100 = 1U << 2,      /* request: Expect: 100-continue */
    MSG_HEAD_METHOD = 1U << 3,     /* request: HEAD; response: response to a HEAD */
    MSG_HAS_TE_TRAILERS = 1U << 4, /* request: TE, named by Connection, names trailers */
    MSG_HAS_KEEP_ALIVE = 1U << 5,  /* response: keep_alive_s was stated */
    MSG_UPGRADE = 1U << 6, /* one Upgrade line, named by Connection: asks for, or (101) makes, a
                              switch of protocols; not from HTTP/1.0 */
    MSG_HAS_VIA = 1U << 7, /* there is a Via line: spares the others a search … */
    MSG_HAS_REQUEST_ID = 1U << 8, /* … for it, here for X-Request-Id … */
    MSG_HAS_EXPLAIN = 1U << 9     /* … and here for X-Weldr-Explain */
};

enum msg_field_flag {
    MSG_FIELD_DROP = 1U << 0, /* not forwarded */
    MSG_FIELD_TIGHT =
        1U << 1 /* received exactly as "Name: value\r\n": may be copied as a line */
};

struct msg_field {
    uint32_t name_off;
    uint32_t value_off;
    uint32_t value_len;
    uint16_t name_len;
    uint8_t token; /* enum field_token */
    uint8_t flags; /* enum msg_field_flag */
};

struct msg_added {
    struct span name; /* as it shall be written, e.g. "Via" */
    struct span value;
};

struct msg {
    const char *base; /* what the offsets count from */
    uint32_t base_len;
    uint16_t status; /* response; 0 for a request */
    uint8_t version; /* received version: 10, 11, 20 */
    uint8_t body;    /* enum msg_body */
    uint16_t flags;  /* enum msg_flag */
    uint16_t field_n;
    uint16_t added_n;
    uint32_t method_off, method_len; /* request */
    uint32_t target_off, target_len; /* request: byte for byte */
    uint32_t reason_off, reason_len; /* response */
    uint64_t content_length;         /* valid with MSG_HAS_LENGTH */
    uint32_t keep_alive_s; /* valid with MSG_HAS_KEEP_ALIVE: so long the sender keeps an idle
                              connection */
    uint32_t absent; /* bit per enum field_token: no line has that name; the bit of FIELD_OTHER:
                        no unknown name can be one of X-Forwarded-* or X-Client-Cert-*. Spares
                        walks over the lines. 0: nobody has looked */
    struct span authority; /* h2 :authority or absolute-form authority; empty otherwise */
    struct msg_field
        *fields; /* room for MSG_FIELDS_MAX while reading; exactly field_n after msg_copy */
    struct msg_added added[MSG_ADDED_MAX];
};

static inline struct span msg_method(const struct msg *m)
{
    return span_from(m->base + m->method_off, m->method_len);
}
static inline struct span msg_target(const struct msg *m)
{
    return span_from(m->base + m->target_off, m->target_len);
}
static inline struct span msg_reason(const struct msg *m)
{
    return span_from(m->base + m->reason_off, m->reason_len);
}
static inline struct span msg_field_name(const struct msg *m, const struct msg_field *f)
{
    return span_from(m->base + f->name_off, f->name_len);
}
static inline struct span msg_field_value(const struct msg *m, const struct msg_field *f)
{
    return span_from(m->base + f->value_off, f->value_len);
}

/* A line has this known name, dropped or not. False: it has not, or nobody has looked. */
static inline bool msg_surely_has(const struct msg *m, enum field_token token)
{
    return m->absent != 0 && !(m->absent >> token & 1U);
}

/* No line has this known name. False: one has, or nobody has looked. */
static inline bool msg_surely_lacks(const struct msg *m, enum field_token token)
{
    return m->absent >> token & 1U;
}

/* First field with this token that is not dropped, from index *from on (advanced past it); NULL
 * when none. */
const struct msg_field *msg_next(const struct msg *m, enum field_token token, unsigned *from);
/* First value with this token; an empty span with ptr NULL when there is none. */
struct span msg_value(const struct msg *m, enum field_token token);
/* Adds a field for the writer; name and value must outlive the message. WERR_TOO_BIG past
 * MSG_ADDED_MAX. */
int msg_add(struct msg *m, struct span name, struct span value) MUST_USE;
/* Marks every field with this token as dropped; returns how many. */
unsigned msg_drop(struct msg *m, enum field_token token);
/* Makes dst a copy of src whose bytes and field list live in the arena. added[] is copied as it
 * is (spans not moved). WERR_NOMEM when the arena has no room. */
int msg_copy(struct msg *dst, const struct msg *src, struct arena *arena) MUST_USE;

#endif
