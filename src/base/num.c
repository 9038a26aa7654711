#include "base/num.h"

enum { NOT_A_DIGIT = 255 };

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return NOT_A_DIGIT;
}

static int parse(struct span s, unsigned radix, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    bool is_over = false;

    if (s.len == 0)
        return WERR_SYNTAX;
    /* On past an overflow: junk at the end makes it malformed, not large. */
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = digit_value(s.ptr[i]);
        if (digit >= radix)
            return WERR_SYNTAX;
        is_over = is_over || __builtin_mul_overflow(value, radix, &value) ||
                  __builtin_add_overflow(value, digit, &value);
    }
    if (is_over || value > max)
        return WERR_TOO_BIG;
    *out = value;
    return 0;
}

int num_from_dec(struct span s, uint64_t max, uint64_t *out)
{
    return parse(s, 10, max, out);
}

int num_from_hex(struct span s, uint64_t max, uint64_t *out)
{
    return parse(s, 16, max, out);
}

static size_t print(uint64_t n, unsigned radix, char *buf)
{
    char reversed[20];
    size_t len = 0;

    do {
        reversed[len++] = "0123456789abcdef"[n % radix];
        n /= radix;
    } while (n != 0);
    for (size_t i = 0; i < len; i++)
        buf[i] = reversed[len - 1 - i];
    return len;
}

size_t num_to_dec(uint64_t n, char *buf)
{
    return print(n, 10, buf);
}

size_t num_to_hex(uint64_t n, char *buf)
{
    return print(n, 16, buf);
}
