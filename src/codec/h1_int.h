/* h1_int.h - what the files of the HTTP/1.x codec share; nobody else includes it.
 *
 * struct h1 is all that a connection keeps between two messages and between two feeds. The
 * reader and the writer are two small state machines that know of each other only what RFC 9112
 * makes them: a server's writer must know version, method and persistence of the request it
 * answers, a client's reader whether the response is one to HEAD.
 *
 * reading: HEAD → END at once, or by LENGTH, CLOSE or CHUNK_SIZE; a chunked body goes
 * CHUNK_SIZE → CHUNK_DATA → CHUNK_CRLF in a circle and leaves it by TRAILERS; a 1xx head stays
 * in HEAD; DEAD after a RESET. writing: HEAD → BODY → END. A 101 makes both a body that ends
 * with the connection: a client's END → BODY when it was read, a server's END → CLOSE when it
 * was sent; while the request still goes on, at its end (H1_SWITCHES).
 */
#ifndef WELDR_CODEC_H1_INT_H
#define WELDR_CODEC_H1_INT_H

#include "base/fsm.h"
#include "base/slab.h"
#include "codec/codec.h"
#include "codec/h1.h"

enum h1_reading {
    H1_READ_HEAD,
    H1_READ_LENGTH,
    H1_READ_CHUNK_SIZE,
    H1_READ_CHUNK_DATA,
    H1_READ_CHUNK_CRLF,
    H1_READ_TRAILERS,
    H1_READ_CLOSE,
    H1_READ_END,
    H1_READ_DEAD,
    H1_READ_STATES
};

enum h1_writing { H1_WRITE_HEAD, H1_WRITE_BODY, H1_WRITE_END, H1_WRITE_STATES };

enum h1_flag {
    H1_PAUSED = 1U << 0,
    H1_CRLF_SKIPPED = 1U << 1,  /* the one empty line before a request line was there */
    H1_CHUNK_BEGINS = 1U << 2,  /* no byte of the chunk was delivered yet */
    H1_UPGRADE = 1U << 3,       /* client: the request asks for another protocol */
    H1_READ_KEEP = 1U << 4,     /* the message read lets the connection live */
    H1_IS_HEAD = 1U << 5,       /* the request of this exchange is HEAD */
    H1_PEER_IS_10 = 1U << 6,    /* server: the client speaks HTTP/1.0 */
    H1_CLOSE_AFTER = 1U << 7,   /* codec_close_after() was called */
    H1_WRITE_BROKEN = 1U << 8,  /* what was written does not end as its head said */
    H1_NO_BODY = 1U << 9,       /* writer: body bytes are swallowed */
    H1_WRITE_CLOSES = 1U << 10, /* writer: the message ends with the connection */
    H1_SWITCHES =
        1U << 11, /* behind the request, whose end is still to come, bytes are bytes */
    /* Belong to the connection, not to a message. */
    H1_LASTING = H1_CLOSE_AFTER
};

/* Of all h1 codecs of a process: a head is read one at a time. */
struct h1_shared {
    struct msg msg; /* first: it is what each head goes through */
    struct msg_field fields[MSG_FIELDS_MAX];
    struct codec_stream stream; /* the only one of each, which nobody keeps anything of */
    struct slab slab;
};

struct h1 {
    struct codec codec; /* first: the two are cast into each other */
    struct h1_shared *shared;
    const struct codec_limits *limits;
    union {
        uint64_t in_left; /* reader: bytes left of the body or chunk */
        struct {
            uint32_t info_n;     /* reader of a response: 1xx before it so far … */
            uint32_t info_bytes; /* … and bytes of them */
        };
    };
    uint64_t out_left; /* writer: bytes left of the body or open chunk */
    union {
        uint32_t line_start;      /* reader, head or trailers: offset of the first line not seen
                                     whole */
        uint32_t extension_bytes; /* reader, chunks: in this body so far */
    };
    uint32_t looked; /* reader: no LF between line_start and here; 0 when all is new */
    uint16_t line_n; /* reader: lines seen whole, start line included */
    uint16_t flags;  /* enum h1_flag */
    uint8_t role;    /* enum codec_role */
    uint8_t reading; /* enum h1_reading */
    uint8_t writing; /* enum h1_writing */
    uint8_t framing; /* writer: enum msg_body */
};
_Static_assert(sizeof(struct h1) <= 72, "each idle connection has one: worker/client.h");

/* Why a message is refused: becomes a RESET event. */
struct h1_fault {
    int error;       /* WERR_* */
    uint16_t status; /* that answers a request best */
    const char *why; /* literal */
};

static inline int h1_fail(struct h1_fault *fault, int error, uint16_t status, const char *why)
{
    *fault = (struct h1_fault){error, status, why};
    return error;
}

static inline struct h1 *h1_from(struct codec *c)
{
    return (struct h1 *)(void *)c;
}

/* h1_line.c: the line from p on, into msg. Returns the byte after its CRLF, NULL with *fault
 * when it is malformed or not whole (then the fault means nothing). Neither reads past end. */
const char *h1_line_read_request(struct msg *m, const char *p, const char *end,
                                 struct h1_fault *fault);
const char *h1_line_read_status(struct msg *m, const char *p, const char *end,
                                struct h1_fault *fault);
/* h1_authority.c: host [":" port] of RFC 3986 section 3.2, user info excluded; empty is not
 * one. */
bool h1_authority_is_valid(struct span s);

/* h1_fields.c: one field line (RFC 9112 section 5); returns as above. */
const char *h1_fields_read(const char *base, const char *p, const char *end,
                           struct msg_field *field, struct h1_fault *fault);

/* h1_frame.c: where the message with this head ends; sets body, content_length and flags. 0 or
 * WERR_* with *fault. */
int h1_frame_request(struct msg *m, struct h1_fault *fault) MUST_USE;
int h1_frame_response(struct msg *m, bool answers_head, struct h1_fault *fault) MUST_USE;

/* h1_read.c */
enum h1_section { H1_SECTION_HEAD, H1_SECTION_TRAILERS };
/* Reads a head or a trailer section into the shared msg. Returns its length; 0 when it is not
 * whole yet; WERR_* with *fault. */
int64_t h1_read_section(struct h1 *h, struct span in, enum h1_section section,
                        struct h1_fault *fault);
void h1_read_move(struct h1 *h, enum h1_reading next, const char *why);
static inline void h1_read_emit(struct h1 *h, struct event *ev)
{
    ev->stream = &h->shared->stream;
    h->codec.up->event(&h->codec, ev);
}
void h1_read_end(struct h1 *h); /* state END, then the END event */
void h1_read_reset(struct h1 *h, const struct h1_fault *fault); /* state DEAD, then RESET */
size_t h1_read_feed(struct codec *c, struct span in);
bool h1_read_eof(struct codec *c, enum codec_eof how);

/* h1_body.c: one step each over the bytes given; return how many were consumed. */
size_t h1_body_length(struct h1 *h, struct span in);
size_t h1_body_chunk_size(struct h1 *h, struct span in);
size_t h1_body_chunk_data(struct h1 *h, struct span in);
size_t h1_body_chunk_crlf(struct h1 *h, struct span in);
size_t h1_body_trailers(struct h1 *h, struct span in);
size_t h1_body_close(struct h1 *h, struct span in);
uint64_t h1_body_raw(const struct codec *c, const struct codec_stream *st);
void h1_body_skip(struct codec *c, struct codec_stream *st, size_t n);

/* h1_write.c: the sending half of codec_ops. */
size_t h1_write_head_room(const struct codec *c, const struct msg *m);
/* Client: 101 was read; what is sent from now on is sent as it is. */
void h1_write_switch(struct h1 *h);
void h1_write_head(struct codec *c, struct codec_stream *st, const struct msg *m,
                   struct outv *out);
void h1_write_body(struct codec *c, struct codec_stream *st, struct span data,
                   uint64_t chunk_bytes, struct outv *out);
void h1_write_end(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                  struct outv *out);
uint64_t h1_write_raw(const struct codec *c, const struct codec_stream *st);
void h1_write_skip(struct codec *c, struct codec_stream *st, size_t n);

#endif
