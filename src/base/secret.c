#include "base/secret.h"

int secret_set(struct secret *s, struct span text)
{
    const int rc = span_to_str(text, s->text, sizeof(s->text));

    s->len = rc == 0 ? text.len : 0;
    return rc;
}

struct span secret_text(const struct secret *s)
{
    return span_from(s->text, s->len);
}

bool secret_is(const struct secret *s, struct span shown)
{
    unsigned char difference = shown.len != s->len;

    for (size_t i = 0; i < shown.len; i++)
        difference |= (unsigned char)(shown.ptr[i] ^ s->text[i % (s->len + 1)]);
    return difference == 0 && s->len > 0;
}
