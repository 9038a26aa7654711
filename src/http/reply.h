/* reply.h - responses that Weldr makes itself: head and small text body.
 *
 * Used by the worker for its 4xx/5xx and by the management API for its JSON. Makes a struct msg
 * ready for a codec's writer; the body is sent by the caller as one BODY event. Pure.
 */
#ifndef WELDR_HTTP_REPLY_H
#define WELDR_HTTP_REPLY_H

#include "base/arena.h"
#include "base/werr.h"
#include "http/msg.h"

/* Reason phrase of RFC 9110 ("Bad Gateway"); "Unknown" when there is none. */
struct span reply_reason(unsigned status);
/* Fills *m (a response with status, reason and content_length = body_bytes; MSG_BODY_NONE when
 * 0); fields are added by the caller with msg_add. m->base points to literals. */
void reply_init(struct msg *m, unsigned status, size_t body_bytes);

#endif
