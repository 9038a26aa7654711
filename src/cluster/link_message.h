/* link_message.h - where a message of a link ends: `u32 length, u8 type, payload`,
 * little-endian; the length is of what follows it, so it is 1 at least.
 *
 * Puts messages together of bytes that come in any pieces. A length over the limit is refused
 * before anything is kept; memory grows with what has come, not with what was announced. A
 * message that lies whole in one piece is not copied. Pure. Owner: the link.
 */
#ifndef WELDR_CLUSTER_LINK_MESSAGE_H
#define WELDR_CLUSTER_LINK_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { LINK_MESSAGE_HEAD_BYTES = 5, LINK_MESSAGE_LENGTH_BYTES = 4 };

/* The message that is being put together; zeroed: nothing of one has come. */
struct link_message {
    char *bytes; /* from its length on */
    size_t n, cap;
};

/* Bytes that belong to a message of this payload before it. */
void link_message_head(uint8_t type, size_t payload_bytes, char head[LINK_MESSAGE_HEAD_BYTES]);

/* Takes from *in what is of the next message. 1: it is whole, *type and *payload have it until
 * the next call; 0: more must come, and *in is empty; WERR_TOO_BIG, WERR_SYNTAX (length 0),
 * WERR_NOMEM. max: of the length. */
int link_message_take(struct link_message *m, struct span *in, size_t max, uint8_t *type,
                      struct span *payload) MUST_USE;
/* Zeroed is allowed, and so it is afterwards. */
void link_message_fini(struct link_message *m);

#endif
