/* raw.h - the codec of a protocol that is no HTTP: bytes as they are.
 *
 * A connection is one stream, without a head, from its first byte to its end: what comes is
 * told as BODY, the peer's orderly end as END, another one as RESET; what is sent as body goes
 * out unchanged. Framing is the matter of whoever uses it (cluster/link.h). Both roles do the
 * same.
 */
#ifndef WELDR_CODEC_RAW_H
#define WELDR_CODEC_RAW_H

#include "codec/codec.h"

extern const struct codec_kind raw_kind;

#endif
