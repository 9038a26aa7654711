#include "codec/codec.h"

enum { KIB = 1024 };

const struct codec_limits codec_limits_request = {
    .line_bytes = 8 * KIB,
    .head_bytes = 32 * KIB,
    .fields = 100,
    .chunk_extension_bytes = 4 * KIB,
    .trailer_bytes = 8 * KIB,
};

const struct codec_limits codec_limits_response = {
    .line_bytes = 8 * KIB,
    .head_bytes = 64 * KIB,
    .fields = MSG_FIELDS_MAX,
    .chunk_extension_bytes = 4 * KIB,
    .trailer_bytes = 8 * KIB,
};
