#include "codec/h1_int.h"
#include "codec/h1_scan.h"

static const char *refuse(struct h1_fault *fault, const char *why)
{
    h1_fail(fault, WERR_SYNTAX, 400, why);
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Says what is wrong with the name that ends at p: kept out of the way of well-formed lines. */
static const char *refuse_name(struct h1_fault *fault, const char *name, const char *p,
                               const char *end)
{
    if (p == end)
        return refuse(fault, "field line without a colon");
    if (is_space(*p))
        return refuse(fault, p == name ? "folded field line" : "space in a field name");
    return refuse(fault, p == name ? "empty field name" : "malformed field name");
}

const char *h1_fields_read(const char *base, const char *p, const char *end,
                           struct msg_field *field, struct h1_fault *fault)
{
    const char *name = p;
    size_t n = h1_scan->token(p, (size_t)(end - p));
    p += n;
    if (n == 0 || p == end || *p != ':')
        return refuse_name(fault, name, p, end);
    if (n > UINT16_MAX)
        return refuse(fault, "field name too long");
    p++;

    const char *value = p;
    while (value != end && is_space(*value))
        value++;
    const char *stop = value + h1_scan->value(value, (size_t)(end - value));
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
        return refuse(fault, "control character in a field value");
    const char *value_end = stop;
    while (value_end != value && is_space(value_end[-1]))
        value_end--;

    bool is_tight = value == p + 1 && *p == ' ' && value_end == stop;
    field->name_off = (uint32_t)(name - base);
    field->name_len = (uint16_t)n;
    field->value_off = (uint32_t)(value - base);
    field->value_len = (uint32_t)(value_end - value);
    field->token = (uint8_t)field_lookup(span_from(name, n));
    field->flags = is_tight ? MSG_FIELD_TIGHT : 0;
    return stop + 2;
}
