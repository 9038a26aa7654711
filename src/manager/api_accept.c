#include "manager/api_accept.h"

#include "base/ascii.h"

enum { WEIGHT_MAX = 1000, WEIGHT_DIGITS = 3 };

/* What stands before the next sign, blanks at both ends off; text goes on behind the sign. */
static struct span next_part(struct span *text, char sign)
{
    struct span part = *text;
    size_t n = 0;

    while (n < text->len && text->ptr[n] != sign)
        n++;
    part.len = n;
    *text = span_skip(*text, n < text->len ? n + 1 : n);
    while (part.len > 0 && (part.ptr[0] == ' ' || part.ptr[0] == '\t'))
        part = span_skip(part, 1);
    while (part.len > 0 && (part.ptr[part.len - 1] == ' ' || part.ptr[part.len - 1] == '\t'))
        part.len--;
    return part;
}

/* "0.5" is 500; what is no weight is the full one. */
static unsigned read_weight(struct span text)
{
    unsigned weight, unit = WEIGHT_MAX;

    if (text.len == 0 || text.len > 2 + WEIGHT_DIGITS || (text.len > 1 && text.ptr[1] != '.'))
        return WEIGHT_MAX;
    weight = text.ptr[0] == '0' ? 0 : WEIGHT_MAX;
    for (size_t i = 2; i < text.len; i++) {
        unit /= 10;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return WEIGHT_MAX;
        weight += (unsigned)(text.ptr[i] - '0') * unit;
    }
    return weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
}

static void read_range(struct span range, struct api_accept *a)
{
    const struct span type = next_part(&range, ';');
    unsigned weight = WEIGHT_MAX;
    unsigned *of = NULL;

    while (range.len > 0) {
        const struct span parameter = next_part(&range, ';');

        if (span_is_equal_nocase(span_first(parameter, 2), SPAN("q=")))
            weight = read_weight(span_skip(parameter, 2));
    }
    if (span_is_equal_nocase(type, SPAN("application/openmetrics-text")))
        of = &a->openmetrics;
    else if (span_is_equal_nocase(type, SPAN("text/plain")))
        of = &a->plain;
    if (of != NULL && weight > *of)
        *of = weight;
}

void api_accept_read(struct span value, struct api_accept *a)
{
    while (value.len > 0)
        read_range(next_part(&value, ','), a);
}

bool api_accept_is_openmetrics(const struct api_accept *a)
{
    return a->openmetrics > 0 && a->openmetrics >= a->plain;
}
