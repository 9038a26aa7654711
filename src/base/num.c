#include "base/num.h"

#include <endian.h>
#include <string.h>

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
    const unsigned len = (67 - (unsigned)__builtin_clzll(n | 1)) / 4;

    for (unsigned i = 0; i < len; i++)
        buf[i] = "0123456789abcdef"[n >> (4 * (len - 1 - i)) & 15];
    return len;
}

/* All digits at once, each in a byte of a vector: high and low halves of the bytes are put side
 * by side, then those above 9 get what lies between '9' and 'a'. */
typedef int8_t digits16 __attribute__((vector_size(16)));

void num_to_hex16(uint64_t n, char buf[NUM_HEX16])
{
    const uint64_t bytes[2] = {htobe64(n)};
    const uint64_t highs[2] = {bytes[0] >> 4};
    digits16 high, low, all;

    memcpy(&high, highs, sizeof(high));
    memcpy(&low, bytes, sizeof(low));
    all = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                  23) &
          15;
    all += '0' + ((all > 9) & ('a' - '9' - 1));
    memcpy(buf, &all, sizeof(all));
}

int num_from_hex16(struct span s, uint64_t *out)
{
    char digits[NUM_HEX16];
    uint64_t n;

    if (s.len != sizeof(digits) || num_from_hex(s, UINT64_MAX, &n) < 0)
        return WERR_SYNTAX;
    num_to_hex16(n, digits);
    if (memcmp(digits, s.ptr, sizeof(digits)) != 0)
        return WERR_SYNTAX;
    *out = n;
    return 0;
}
