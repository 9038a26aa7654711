#include "http/reply.h"

/* RFC 9110 section 15, RFC 6585 for 428 to 431, and RFC 5842 for 508. In order of the status.
 */
static const struct {
    uint16_t status;
    struct span reason;
} reasons[] = {
    {100, {"Continue", 8}},
    {101, {"Switching Protocols", 19}},
    {200, {"OK", 2}},
    {201, {"Created", 7}},
    {202, {"Accepted", 8}},
    {203, {"Non-Authoritative Information", 29}},
    {204, {"No Content", 10}},
    {205, {"Reset Content", 13}},
    {206, {"Partial Content", 15}},
    {300, {"Multiple Choices", 16}},
    {301, {"Moved Permanently", 17}},
    {302, {"Found", 5}},
    {303, {"See Other", 9}},
    {304, {"Not Modified", 12}},
    {307, {"Temporary Redirect", 18}},
    {308, {"Permanent Redirect", 18}},
    {400, {"Bad Request", 11}},
    {401, {"Unauthorized", 12}},
    {403, {"Forbidden", 9}},
    {404, {"Not Found", 9}},
    {405, {"Method Not Allowed", 18}},
    {406, {"Not Acceptable", 14}},
    {408, {"Request Timeout", 15}},
    {409, {"Conflict", 8}},
    {410, {"Gone", 4}},
    {411, {"Length Required", 15}},
    {412, {"Precondition Failed", 19}},
    {413, {"Content Too Large", 17}},
    {414, {"URI Too Long", 12}},
    {415, {"Unsupported Media Type", 22}},
    {416, {"Range Not Satisfiable", 21}},
    {417, {"Expectation Failed", 18}},
    {421, {"Misdirected Request", 19}},
    {422, {"Unprocessable Content", 21}},
    {426, {"Upgrade Required", 16}},
    {428, {"Precondition Required", 21}},
    {429, {"Too Many Requests", 17}},
    {431, {"Request Header Fields Too Large", 31}},
    {500, {"Internal Server Error", 21}},
    {501, {"Not Implemented", 15}},
    {502, {"Bad Gateway", 11}},
    {503, {"Service Unavailable", 19}},
    {504, {"Gateway Timeout", 15}},
    {505, {"HTTP Version Not Supported", 26}},
    {507, {"Insufficient Storage", 20}},
    {508, {"Loop Detected", 13}},
};

struct span reply_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return SPAN("Unknown");
}

void reply_init(struct msg *m, unsigned status, size_t body_bytes)
{
    struct span reason = reply_reason(status);
    memset(m, 0, offsetof(struct msg, added));
    m->base = reason.ptr;
    m->base_len = (uint32_t)reason.len;
    m->reason_len = (uint32_t)reason.len;
    m->status = (uint16_t)status;
    m->version = 11;
    m->flags = MSG_HAS_LENGTH;
    m->body = body_bytes > 0 ? MSG_BODY_LENGTH : MSG_BODY_NONE;
    m->content_length = body_bytes;
}
