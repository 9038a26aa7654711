/* toy_codec.h - a codec with many streams a connection, for tests only.
 *
 * Frames as in HTTP/2 (length, type, flags, stream), heads as text: "GET / HTTP/1.1\r\n…". Each
 * stream has a credit of TOY_CREDIT_BYTES each way, given back as BODY events are delivered,
 * not while it is paused. The server refuses more than TOY_STREAMS_MAX streams, and those that
 * begin behind its GOAWAY (codec_close_after). Not there: trailers (left out), upgrades.
 *
 * In a test over a whole worker: codec_shared_put(shared.codecs, CODEC_H1, CODEC_SERVER,
 * &toy_kind) before its first connection: clients speak toy then, servers HTTP/1.
 */
#ifndef WELDR_TESTS_TOY_CODEC_H
#define WELDR_TESTS_TOY_CODEC_H

#include "codec/codec.h"

enum { TOY_STREAMS_MAX = 128, TOY_CREDIT_BYTES = 16 * 1024 };

extern const struct codec_kind toy_kind;

/* For tests to look at. */
unsigned toy_stream_n(const struct codec *c);
size_t toy_kept_bytes(const struct codec_stream *st);

#endif
