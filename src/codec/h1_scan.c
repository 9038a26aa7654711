#include "codec/h1_scan.h"

#include <stdbool.h>

#include "http/msg.h"

struct line_scans {
    h1_scan_fn token, value;
};

/* The body of each variant's function for whole lines: its scans are part of it, so that a line
 * costs no call. What looks wrong here is left to h1_fields_read. */
static inline __attribute__((always_inline)) unsigned
read_usual(const char *base, const char **from, const char *end, struct msg_field *f,
           unsigned n, struct line_scans scan)
{
    const char *p = *from;
    unsigned read_n = 0;
    for (; read_n < n; read_n++, f++) {
        size_t left = (size_t)(end - p);
        size_t name_len = scan.token(p, left);
        if (left - name_len < 3 || name_len - 1 >= UINT16_MAX)
            break;
        const char *at = p + name_len + 2;
        /* At or below the space is all that is not to stand around a value. */
        if (memcmp(at - 2, ": ", 2) != 0 || (unsigned char)at[0] <= ' ')
            break;
        size_t value_len = scan.value(at, left - name_len - 2);
        const char *stop = at + value_len;
        if (end - stop < 2 || memcmp(stop, "\r\n", 2) != 0 || (unsigned char)stop[-1] <= ' ')
            break;
        f->name_off = (uint32_t)(p - base);
        f->value_off = (uint32_t)(at - base);
        f->value_len = (uint32_t)value_len;
        f->name_len = (uint16_t)name_len;
        f->token = (uint8_t)field_lookup(span_from(p, name_len));
        f->flags = MSG_FIELD_TIGHT;
        p = stop + 2;
    }
    *from = p;
    return read_n;
}

static size_t scan_class(const char *p, size_t n, unsigned field_class)
{
    size_t i = 0;
    while (i < n && (field_classes[(unsigned char)p[i]] & field_class))
        i++;
    return i;
}

static size_t token_plain(const char *p, size_t n)
{
    return scan_class(p, n, FIELD_CLASS_TOKEN);
}

static size_t target_plain(const char *p, size_t n)
{
    return scan_class(p, n, FIELD_CLASS_TARGET);
}

static size_t value_plain(const char *p, size_t n)
{
    return scan_class(p, n, FIELD_CLASS_VALUE);
}

static unsigned lines_plain(const char *base, const char **at, const char *end,
                            struct msg_field *fields, unsigned n)
{
    return read_usual(base, at, end, fields, n, (struct line_scans){token_plain, value_plain});
}

static const struct h1_scan plain = {"plain", token_plain, target_plain, value_plain,
                                     lines_plain};
const struct h1_scan *h1_scan = &plain;

#if defined(__x86_64__)
#include <immintrin.h>

/* tchar by nibbles: bit h of entry l is set when the byte 0xhl is a tchar. Bytes from 0x80 on
 * have no bit to set, for high_bit is 0 there. */
#define TOKEN_LOW                                                                           \
    (char)0xe8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc,     \
        (char)0xfc, (char)0xf8, (char)0xf8, (char)0xf4, 0x54, (char)0xd0, 0x54, (char)0xf4, \
        0x70
#define TOKEN_HIGH 1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0

#define SSE  __attribute__((target("sse4.2")))
#define AVX2 __attribute__((target("avx2,bmi")))

SSE static size_t token_sse(const char *p, size_t n)
{
    const __m128i low = _mm_setr_epi8(TOKEN_LOW);
    const __m128i high = _mm_setr_epi8(TOKEN_HIGH);
    const __m128i nibble = _mm_set1_epi8(0x0f);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i b = _mm_loadu_si128((const void *)(p + i));
        __m128i l = _mm_shuffle_epi8(low, _mm_and_si128(b, nibble));
        __m128i h = _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(b, 4), nibble));
        __m128i bad = _mm_cmpeq_epi8(_mm_and_si128(l, h), _mm_setzero_si128());
        unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + token_plain(p + i, n - i);
}

SSE static size_t target_sse(const char *p, size_t n)
{
    const __m128i space = _mm_set1_epi8(0x20);
    const __m128i del = _mm_set1_epi8(0x7f);
    const __m128i hash = _mm_set1_epi8('#');
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i b = _mm_loadu_si128((const void *)(p + i));
        __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(b, space), b),
                                   _mm_cmpeq_epi8(_mm_max_epu8(b, del), b));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(b, hash));
        unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + target_plain(p + i, n - i);
}

SSE static size_t value_sse(const char *p, size_t n)
{
    const __m128i control = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i b = _mm_loadu_si128((const void *)(p + i));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(b, control), b);
        __m128i bad =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(b, tab), low), _mm_cmpeq_epi8(b, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + value_plain(p + i, n - i);
}

/* The AVX2 variants leave what is shorter than their step to the ones above. */

AVX2 static size_t target_avx2(const char *p, size_t n)
{
    const __m256i space = _mm256_set1_epi8(0x20);
    const __m256i del = _mm256_set1_epi8(0x7f);
    const __m256i hash = _mm256_set1_epi8('#');
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m256i b = _mm256_loadu_si256((const void *)(p + i));
        __m256i bad = _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(b, space), b),
                                      _mm256_cmpeq_epi8(_mm256_max_epu8(b, del), b));
        bad = _mm256_or_si256(bad, _mm256_cmpeq_epi8(b, hash));
        unsigned mask = (unsigned)_mm256_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + target_sse(p + i, n - i);
}

AVX2 static size_t value_avx2(const char *p, size_t n)
{
    const __m256i control = _mm256_set1_epi8(0x1f);
    const __m256i tab = _mm256_set1_epi8('\t');
    const __m256i del = _mm256_set1_epi8(0x7f);
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m256i b = _mm256_loadu_si256((const void *)(p + i));
        __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(b, control), b);
        __m256i bad = _mm256_or_si256(_mm256_andnot_si256(_mm256_cmpeq_epi8(b, tab), low),
                                      _mm256_cmpeq_epi8(b, del));
        unsigned mask = (unsigned)_mm256_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + value_sse(p + i, n - i);
}

SSE static unsigned lines_sse(const char *base, const char **at, const char *end,
                              struct msg_field *fields, unsigned n)
{
    return read_usual(base, at, end, fields, n, (struct line_scans){token_sse, value_sse});
}

/* Names are shorter than 16 bytes as a rule: a wider step would gain nothing. */
AVX2 static unsigned lines_avx2(const char *base, const char **at, const char *end,
                                struct msg_field *fields, unsigned n)
{
    return read_usual(base, at, end, fields, n, (struct line_scans){token_sse, value_avx2});
}

static const struct h1_scan sse42 = {"sse4.2", token_sse, target_sse, value_sse, lines_sse};
static const struct h1_scan avx2 = {"avx2", token_sse, target_avx2, value_avx2, lines_avx2};

static bool can_run(const struct h1_scan *s)
{
    if (s == &avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
    return s == &plain || __builtin_cpu_supports("sse4.2");
}

static const struct h1_scan *const variants[] = {&plain, &sse42, &avx2};
#else
static bool can_run(const struct h1_scan *s)
{
    return s == &plain;
}

static const struct h1_scan *const variants[] = {&plain};
#endif

const struct h1_scan *h1_scan_variant(unsigned i)
{
    if (i >= sizeof(variants) / sizeof(variants[0]) || !can_run(variants[i]))
        return NULL;
    return variants[i];
}

void h1_scan_choose(void)
{
    for (unsigned i = 0; h1_scan_variant(i) != NULL; i++)
        h1_scan = variants[i];
}
