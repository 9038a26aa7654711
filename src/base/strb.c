#include "base/strb.h"

#include <stdio.h>

#include "base/num.h"
#include "base/werr.h"

void strb_init(struct strb *b, char *buf, size_t cap)
{
    MUST(cap > 0);
    *b = (struct strb){.buf = buf, .cap = cap};
    buf[0] = '\0';
}

void strb_add_cut(struct strb *b, struct span s)
{
    const size_t last = b->cap - 1; /* where the NUL has its place at the latest */
    size_t end = b->len + s.len;

    if (b->full || s.len == 0)
        return;
    if (end > last) {
        end = last;
        b->full = true;
    }
    memcpy(b->buf + b->len, s.ptr, end - b->len);
    b->len = end;
    b->buf[end] = '\0';
}

void strb_add_str(struct strb *b, const char *str)
{
    strb_add(b, span_from_str(str));
}

void strb_add_u64(struct strb *b, uint64_t n)
{
    char digits[20];

    if (strb_has_room(b, sizeof(digits)))
        strb_commit(b, num_to_dec(n, strb_end(b)));
    else
        strb_add_cut(b, span_from(digits, num_to_dec(n, digits)));
}

void strb_add_hex(struct strb *b, uint64_t n)
{
    char digits[16];
    strb_add(b, span_from(digits, num_to_hex(n, digits)));
}

void strb_add_hex16(struct strb *b, uint64_t n)
{
    char digits[NUM_HEX16];

    num_to_hex16(n, digits);
    strb_add(b, span_from(digits, sizeof(digits)));
}

void strb_addf(struct strb *b, const char *format, ...)
{
    if (b->full)
        return;
    size_t room = b->cap - b->len;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(b->buf + b->len, room, format, args);
    va_end(args);
    if (n < 0) {
        b->buf[b->len] = '\0';
        b->full = true;
    } else if ((size_t)n >= room) {
        b->len = b->cap - 1;
        b->full = true;
    } else {
        b->len += (size_t)n;
    }
}
