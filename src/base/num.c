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

static unsigned dec_digits(uint64_t n)
{
    unsigned digits = 1;

    for (; n >= 10000; n /= 10000)
        digits += 4;
    return digits + (n >= 10) + (n >= 100) + (n >= 1000);
}

/* From the end on, two digits for a division. */
size_t num_to_dec(uint64_t n, char *buf)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    const unsigned len = dec_digits(n);
    char *at = buf + len;

    for (; n >= 10; n /= 100) {
        at -= 2;
        memcpy(at, pairs + 2 * (n % 100), 2);
    }
    if (at > buf)
        *buf = (char)('0' + n);
    return len;
}

size_t num_to_hex(uint64_t n, char *buf)
{
    unsigned len = 1;

    while (len < 16 && n >> (4 * len) != 0)
        len++;
    for (unsigned i = 0; i < len; i++)
        buf[i] = "0123456789abcdef"[n >> (4 * (len - 1 - i)) & 15];
    return len;
}

/* The 8 digits of a 32-bit number at once, each in a byte, the first one in the lowest: digits
 * are spread out, then those above 9 get what lies between '9' and 'a'. */
static uint64_t hex8(uint32_t n)
{
    uint64_t x = __builtin_bswap32(n);
    uint64_t above_9;

    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
    above_9 = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    return x + UINT64_C(0x3030303030303030) + above_9 * ('a' - '9' - 1);
}

void num_to_hex16(uint64_t n, char buf[16])
{
    uint64_t high = hex8((uint32_t)(n >> 32));
    uint64_t low = hex8((uint32_t)n);

    memcpy(buf, &high, sizeof(high));
    memcpy(buf + sizeof(high), &low, sizeof(low));
}
