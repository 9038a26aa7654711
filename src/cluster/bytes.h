/* bytes.h - fixed-width integers, texts and addresses as bytes, with bounds.
 *
 * What the nodes of a cluster store and send is written and read by these: roster, token,
 * peer_messages. Integers are little-endian. A reader never looks beyond its end: a value that
 * is not there, or can't be, reads as zero and the reader is bad from then on, so that whoever
 * reads a row of values asks once, at its end. A writer never goes beyond its buffer; whoever
 * makes the buffer knows how much comes (MUST). Pure.
 */
#ifndef WELDR_CLUSTER_BYTES_H
#define WELDR_CLUSTER_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"

enum {
    BYTES_ADDR_MAX = 1 + 2 + 16, /* of bytes_put_addr */
    BYTES_SPAN_HEAD = 4          /* bytes_put_span writes them before the span's own */
};

struct bytes_out {
    char *buf;
    size_t cap;
    size_t len;
};

struct bytes_in {
    struct span rest;
    bool is_bad; /* something was not there, or not as it must be */
};

void bytes_out_init(struct bytes_out *o, char *buf, size_t cap);
void bytes_put(struct bytes_out *o, const void *bytes, size_t n);
void bytes_put_u8(struct bytes_out *o, uint8_t n);
void bytes_put_u16(struct bytes_out *o, uint16_t n);
void bytes_put_u32(struct bytes_out *o, uint32_t n);
void bytes_put_u64(struct bytes_out *o, uint64_t n);
/* The length (u32), then the bytes. */
void bytes_put_span(struct bytes_out *o, struct span s);
/* 4, 6 or, for none, 0 (u8); unless it is none, the port (u16) and 4 or 16 bytes. */
void bytes_put_addr(struct bytes_out *o, const struct addr *a);

void bytes_in_init(struct bytes_in *in, struct span bytes);
/* n bytes; all zero when they are not there. */
void bytes_get(struct bytes_in *in, void *to, size_t n);
uint8_t bytes_get_u8(struct bytes_in *in);
uint16_t bytes_get_u16(struct bytes_in *in);
uint32_t bytes_get_u32(struct bytes_in *in);
uint64_t bytes_get_u64(struct bytes_in *in);
/* 0 or 1: anything else is bad. */
bool bytes_get_bool(struct bytes_in *in);
/* Borrowed; bad when it is longer than max, empty then. */
struct span bytes_get_span(struct bytes_in *in, size_t max);
/* Bad: another family, or an IPv4 address in the form of IPv6, which addr.h never gives. */
void bytes_get_addr(struct bytes_in *in, struct addr *a);
/* For a value that was read and can't be. */
void bytes_in_spoil(struct bytes_in *in);
/* All was there, and nothing is left. */
bool bytes_in_is_done(const struct bytes_in *in);

#endif
