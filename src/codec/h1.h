/* h1.h - the HTTP/1.x codec (RFC 9112), strict.
 *
 * Split by stage: h1_scan (byte classes, SSE4.2/AVX2 with a plain twin), h1_line (request and
 * status line), h1_authority (host and port), h1_fields (field lines), h1_frame (the page that
 * decides where a message ends: smuggling-critical), h1_body (length, chunked, close), h1_read
 * (the reader that strings these together), h1_write (canonical output). State of a connection
 * between messages is this struct only; it owns no buffers.
 *
 * The msg that HEAD events carry is shared by all h1 codecs of the process (one head is read at
 * a time): give h1_workspace_new's result to each. It points into the fed bytes and is valid
 * until the sink returns.
 */
#ifndef WELDR_CODEC_H1_H
#define WELDR_CODEC_H1_H

#include "base/slab.h"
#include "codec/codec.h"

struct h1_workspace;                         /* one msg with MSG_FIELDS_MAX fields */
struct h1_workspace *h1_workspace_new(void); /* NULL: no memory */
void h1_workspace_free(struct h1_workspace *w);

/* Size of an h1 codec for the slab it comes from (slab_init(&slab, "h1", h1_bytes(), 0)). */
size_t h1_bytes(void);
/* The codec goes back to the slab with ops->free. limits must outlive it. NULL: no memory. */
struct codec *h1_new(struct slab *slab, struct h1_workspace *w, enum codec_role role,
                     const struct codec_limits *limits);

/* Server role: for the 400 that answers an unreadable request: makes the next response close
 * the connection. Also used while draining. */
void h1_close_after(struct codec *c);

#endif
