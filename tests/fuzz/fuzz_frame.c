/*
 * The language between manager and worker: a stream of frames. Whole and byte by byte it must
 * read the same, and what a frame's reader accepts must be written again as the same bytes.
 */
#include <stdint.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t put_listen_again(char *buf, uint16_t type, struct span payload)
{
    struct frame_listen listen;
    struct frame_unlisten unlisten;
    struct frame_node node;
    if (type == FRAME_LISTEN && frame_get_listen(payload, &listen) == 0)
        return frame_put_listen(buf, &listen);
    if (type == FRAME_UNLISTEN && frame_get_unlisten(payload, &unlisten) == 0)
        return frame_put_unlisten(buf, &unlisten);
    if (type == FRAME_NODE && frame_get_node(payload, &node) == 0)
        return frame_put_node(buf, &node);
    return 0;
}

static size_t put_part_again(char *buf, uint16_t type, struct span payload)
{
    struct frame_part part;
    struct frame_parted parted;
    if (type == FRAME_PART && frame_get_part(payload, &part) == 0)
        return frame_put_part(buf, &part);
    if (type == FRAME_PARTED && frame_get_parted(payload, &parted) == 0)
        return frame_put_parted(buf, &parted);
    return put_listen_again(buf, type, payload);
}

static size_t put_again(char *buf, uint16_t type, struct span payload)
{
    struct frame_local local;
    struct frame_addrs addrs;
    struct frame_ack ack;
    uint32_t limit_ms = 0;
    uint64_t number = 0;
    if (type == FRAME_LOCAL && frame_get_local(payload, &local) == 0)
        return frame_put_local(buf, &local);
    if (type == FRAME_ADDRS && frame_get_addrs(payload, &addrs) == 0)
        return frame_put_addrs(buf, &addrs);
    if (type == FRAME_ACK && frame_get_ack(payload, &ack) == 0)
        return frame_put_ack(buf, &ack);
    if (type == FRAME_DRAIN && frame_get_drain(payload, &limit_ms) == 0)
        return frame_put_drain(buf, limit_ms);
    if (type == FRAME_BYE && payload.len == 0)
        return frame_put_bye(buf);
    if (type == FRAME_PING && frame_get_number(payload, &number) == 0)
        return frame_put_ping(buf, number);
    if (type == FRAME_LOG && frame_get_number(payload, &number) == 0)
        return frame_put_log(buf, number);
    if (type == FRAME_LOG_WANTED && payload.len == 0)
        return frame_put_log_wanted(buf);
    if (type == FRAME_PONG && frame_get_number(payload, &number) == 0)
        return frame_put_pong(buf, number);
    if (type == FRAME_LACKING && payload.len == 0)
        return frame_put_lacking(buf);
    if (type == FRAME_RESUME && payload.len == 0)
        return frame_put_resume(buf);
    return put_part_again(buf, type, payload);
}

/* Heads of frames whose body the caller sends. */
static size_t put_head_again(char *buf, uint16_t type, struct span payload)
{
    uint64_t index = 0;
    struct span entry;
    struct frame_hello hello;
    if (type == FRAME_HELLO && frame_get_hello(payload, &hello) == 0)
        return frame_put_hello(buf, &hello);
    if (type == FRAME_APPLY && frame_get_apply(payload, &index, &entry) == 0)
        return frame_put_apply_head(buf, index, entry.len);
    if (type == FRAME_SNAPSHOT)
        return frame_put_snapshot_head(buf, payload.len);
    if (type == FRAME_SECRETS || type == FRAME_SEAL || type == FRAME_TICKETS ||
        type == FRAME_AUTHORITIES)
        return frame_put_bytes_head(buf, type, payload.len);
    return 0;
}

static void check_frame(struct span frame, uint16_t type, struct span payload)
{
    char buf[FRAME_ADDRS_BYTES_MAX];
    size_t len = put_again(buf, type, payload);
    MUST(len == 0 || span_is_equal(span_from(buf, len), frame));
    len = put_head_again(buf, type, payload);
    MUST(len <= frame.len && span_is_equal(span_from(buf, len), span_first(frame, len)));
}

/* Fewer bytes of the same frame are never another frame. */
static void check_prefixes(struct span frame)
{
    uint16_t type = 0;
    struct span payload;
    size_t limit = frame.len < 64 ? frame.len : 64;
    for (size_t n = 0; n < limit; n++)
        MUST(frame_parse(span_first(frame, n), &type, &payload) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_from(data, size);
    uint16_t type = 0;
    struct span payload;
    int64_t n = 0;
    while ((n = frame_parse(rest, &type, &payload)) > 0) {
        struct span frame = span_first(rest, (size_t)n);
        MUST(frame.len == (size_t)n && payload.len == frame.len - FRAME_HEADER_BYTES);
        check_frame(frame, type, payload);
        check_prefixes(frame);
        rest = span_skip(rest, frame.len);
    }
    MUST(n == 0 || n == WERR_CORRUPT);
    return 0;
}
