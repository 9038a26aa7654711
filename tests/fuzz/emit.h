/* emit.h - what Weldr would send for some received bytes, and what it must mean.
 *
 * The bytes go through the reader, the rewriting and the writer, exactly as the worker does it,
 * without sockets. Each message that was begun comes to the caller with the bytes that went out
 * and with what was read: that is what any next hop must find in them, no matter whose parser
 * it has. Used by fuzz_emit.c (an independent strict reader) and emit_main.c (Node's parser).
 */
#ifndef WELDR_FUZZ_EMIT_H
#define WELDR_FUZZ_EMIT_H

#include <stdint.h>

#include "base/span.h"
#include "strict_reader.h"

struct emit_message {
    const char *answers; /* responses: method of the request; NULL: this is a request */
    bool is_to_10;       /* the response goes to a client that speaks HTTP/1.0 */
    bool is_whole;       /* else the sender broke off or went wrong after the head */
    unsigned info_n;     /* responses: interim ones before it */
    uint16_t status;
    char *method, *target, *authority; /* requests; authority: of an absolute target, or NULL */
    enum strict_framing framing;
    uint64_t length; /* of the body that Content-Length states; 0 with no such framing */
    char *body;
    size_t body_bytes;
    char *sent;
    size_t sent_bytes;
};

typedef void (*emit_fn)(const struct emit_message *m, void *hook);

/* Pipelined requests are a message each. CONNECT is none: Weldr answers it itself. */
void emit_requests(struct span in, emit_fn fn, void *hook);
/* One response to a request with this method. Nothing when there was no final head. */
void emit_response(struct span in, const char *method, bool is_to_10, emit_fn fn, void *hook);

#endif
