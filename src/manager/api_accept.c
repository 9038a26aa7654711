#include "manager/api_accept.h"

#include "base/ascii.h"

enum { WEIGHT_MAX = 1000, WEIGHT_DIGITS = 3 };

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

/* "name;q=0.5": its name, and its weight. */
static struct span read_item(struct span range, unsigned *weight)
{
    const struct span name = span_trim(span_cut(&range, ';'));

    *weight = WEIGHT_MAX;
    while (range.len > 0) {
        const struct span parameter = span_trim(span_cut(&range, ';'));

        if (span_is_equal_nocase(span_first(parameter, 2), SPAN("q=")))
            *weight = read_weight(span_skip(parameter, 2));
    }
    return name;
}

static void read_range(struct span range, struct api_accept *a)
{
    unsigned weight;
    const struct span type = read_item(range, &weight);
    unsigned *of = NULL;

    if (span_is_equal_nocase(type, SPAN("application/openmetrics-text")))
        of = &a->openmetrics;
    else if (span_is_equal_nocase(type, SPAN("text/plain")))
        of = &a->plain;
    else if (span_is_equal_nocase(type, SPAN("text/event-stream")))
        of = &a->event_stream;
    if (of != NULL && weight > *of)
        *of = weight;
}

void api_accept_read(struct span value, struct api_accept *a)
{
    struct span range;

    while (span_next_item(&value, &range))
        read_range(range, a);
}

void api_accept_read_encoding(struct span value, struct api_accept *a)
{
    struct span range;
    unsigned weight;

    while (span_next_item(&value, &range))
        if (span_is_equal_nocase(read_item(range, &weight), SPAN("gzip")) && weight > a->gzip)
            a->gzip = weight;
}

bool api_accept_is_openmetrics(const struct api_accept *a)
{
    return a->openmetrics > 0 && a->openmetrics >= a->plain;
}

bool api_accept_is_event_stream(const struct api_accept *a)
{
    return a->event_stream > 0;
}

bool api_accept_is_gzip(const struct api_accept *a)
{
    return a->gzip > 0;
}
