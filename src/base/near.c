#include "base/near.h"

#include "base/ascii.h"

static char fold(char c)
{
    return (char)(c == '-' ? '_' : ascii_lower(c));
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Three rows of the table of distances between the beginnings of both words. */
struct rows {
    unsigned before[NEAR_LEN_MAX + 1], last[NEAR_LEN_MAX + 1], now[NEAR_LEN_MAX + 1];
};

static void fill_row(struct rows *r, struct span a, struct span b, size_t i)
{
    const char c = fold(a.ptr[i - 1]);

    r->now[0] = (unsigned)i;
    for (size_t k = 1; k <= b.len; k++) {
        const char d = fold(b.ptr[k - 1]);

        r->now[k] = least(r->last[k - 1] + (c != d), least(r->last[k], r->now[k - 1]) + 1);
        if (i > 1 && k > 1 && c == fold(b.ptr[k - 2]) && d == fold(a.ptr[i - 2]))
            r->now[k] = least(r->now[k], r->before[k - 2] + 1);
    }
}

unsigned near_distance(struct span a, struct span b)
{
    struct rows r;

    if (a.len > NEAR_LEN_MAX || b.len > NEAR_LEN_MAX)
        return NEAR_FAR;
    for (size_t k = 0; k <= b.len; k++)
        r.last[k] = (unsigned)k;
    for (size_t i = 1; i <= a.len; i++) {
        fill_row(&r, a, b, i);
        memcpy(r.before, r.last, sizeof(r.before));
        memcpy(r.last, r.now, sizeof(r.last));
    }
    return r.last[b.len];
}

bool near_is(struct span word, unsigned distance)
{
    return distance <= 1 + word.len / 2 && distance < word.len;
}

struct span near_find(struct span word, struct span words)
{
    struct span best = SPAN_NONE;
    unsigned least_far = NEAR_FAR;

    while (words.len > 0) {
        const struct span known = span_cut(&words, ' ');
        const unsigned distance = near_distance(word, known);

        if (known.len > 0 && distance < least_far && near_is(word, distance)) {
            best = known;
            least_far = distance;
        }
    }
    return best;
}
