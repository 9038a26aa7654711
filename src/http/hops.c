#include "http/hops.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_end_of_word(char c)
{
    return is_space(c) || c == ',' || c == '(';
}

/* Takes a word and the space behind it off the front. */
static struct span take_word(struct span *s)
{
    size_t n = 0;
    while (n < s->len && !is_end_of_word(s->ptr[n]))
        n++;
    struct span word = span_first(*s, n);
    while (n < s->len && is_space(s->ptr[n]))
        n++;
    *s = span_skip(*s, n);
    return word;
}

/* Length of the comment that begins here (RFC 9110 section 5.6.5), those within it and quoted
 * pairs included; 0 when it does not end. */
static size_t comment_len(struct span s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '(')
            depth++;
        else if (s.ptr[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

/* Goes on behind the next comma that is in no comment. One that does not end is none, nor is
 * any behind it: else whoever sends a single "(" would hide all hops that come after. */
static void skip_element(struct span *s, bool *has_comments)
{
    size_t i = 0;
    while (i < s->len && s->ptr[i] != ',') {
        size_t n = *has_comments && s->ptr[i] == '(' ? comment_len(span_skip(*s, i)) : 1;
        *has_comments &= n > 0;
        i += n > 0 ? n : 1;
    }
    *s = span_skip(*s, i < s->len ? i + 1 : i);
}

/* received-protocol RWS received-by [ RWS comment ] */
static unsigned count_line(struct span s)
{
    bool has_comments = true;
    unsigned n = 0;
    while (s.len > 0) {
        while (s.len > 0 && is_space(s.ptr[0]))
            s = span_skip(s, 1);
        struct span protocol = take_word(&s);
        struct span by = take_word(&s);
        if (protocol.len > 0 && span_is_equal_nocase(by, SPAN("weldr")))
            n++;
        skip_element(&s, &has_comments);
    }
    return n;
}

unsigned hops_count(const struct msg *m)
{
    const struct msg_field *f;
    unsigned from = 0;
    unsigned n = 0;
    while ((f = msg_next(m, FIELD_VIA, &from)) != NULL)
        n += count_line(msg_field_value(m, f));
    return n;
}
