/* proxy_protocol.h - the header of the PROXY protocol, versions 1 and 2, which a balancer in
 * front of us puts before the first byte of a connection to tell whose connection it is.
 *
 * Pure: bytes in, addresses out, and back. Reading looks at all bytes received so far and says
 * "not whole yet", its length, or that it is none; the caller keeps the bytes in between. It is
 * strict: version 1 is a line of at most 107 bytes with single spaces, canonical ports and
 * addresses of the family it names; version 2 has the known commands and families, room for the
 * addresses, and additional values (TLV) that fill it exactly. The values themselves are passed
 * over. Writing is version 2.
 */
#ifndef WELDR_CODEC_PROXY_PROTOCOL_H
#define WELDR_CODEC_PROXY_PROTOCOL_H

#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    PROXY_V1_MAX_BYTES = 107,  /* with CRLF */
    PROXY_V2_MAX_BYTES = 4096, /* of all; senders add some hundreds of bytes of TLS facts */
    PROXY_WRITE_MAX_BYTES = 52 /* what proxy_header_write makes at the most */
};

/* Family 0: the header names none (LOCAL, UNKNOWN, UNSPEC or a Unix socket); the addresses of
 * the connection itself are those of the client then. */
struct proxy_header {
    struct addr client; /* source */
    struct addr local;  /* destination: where the client connected to */
};

/* Looks at what was received from the first byte on: 0 = not whole yet (at most
 * PROXY_V2_MAX_BYTES are ever needed), > 0 = the length of the header, WERR_SYNTAX = no header,
 * or a bad one. *out is written when > 0. */
int64_t proxy_header_read(struct span in, struct proxy_header *out) MUST_USE;

/* Writes a header of version 2 to buf (PROXY_WRITE_MAX_BYTES) and returns its length. An
 * address of family 0 gives the command LOCAL, for connections of our own; where the families
 * differ, both go as IPv6. */
size_t proxy_header_write(char *buf, const struct proxy_header *h);

#endif
