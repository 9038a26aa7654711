/* h1.h - the HTTP/1.x codec (RFC 9112), strict.
 *
 * Split by stage: h1_scan (byte classes, SSE4.2/AVX2 with a plain twin), h1_line (request and
 * status line), h1_authority (host and port), h1_fields (field lines), h1_frame (the page that
 * decides where a message ends: smuggling-critical), h1_body (length, chunked, close), h1_read
 * (the reader that strings these together), h1_write (canonical output). State of a connection
 * between messages is this struct only; it owns no buffers. Its one stream is part of it.
 *
 * The msg that HEAD events carry is shared by all h1 codecs of the process (one head is read at
 * a time), as is the slab that they come from: struct h1_shared. The msg points into the fed
 * bytes and is valid until the owner's event returns.
 */
#ifndef WELDR_CODEC_H1_H
#define WELDR_CODEC_H1_H

#include "codec/codec.h"

extern const struct codec_kind h1_kind;

struct h1_shared;
/* At most so many codecs at once; 0: no limit. NULL: no memory. */
struct h1_shared *h1_shared_new(unsigned max);
void h1_shared_free(struct h1_shared *s); /* NULL allowed */

/* The codec goes back with ops->free. limits must outlive it. NULL: no memory. */
struct codec *h1_new(struct h1_shared *s, enum codec_role role,
                     const struct codec_limits *limits);
/* Size of one: what an idle connection costs. */
size_t h1_bytes(void);

#endif
