#include "http/sfield.h"

#include "http/field.h"

void sfield_key(struct strb *b, const char *key)
{
    if (b->len > 0)
        strb_add(b, SPAN(", "));
    strb_add_str(b, key);
    strb_add_char(b, '=');
}

void sfield_parameter(struct strb *b, const char *key)
{
    strb_add_char(b, ';');
    strb_add_str(b, key);
    strb_add_char(b, '=');
}

void sfield_string(struct strb *b, struct span text)
{
    strb_add_char(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c >= 0x7f) {
            strb_addf(b, "%%%02X", c);
            continue;
        }
        if (c == '"' || c == '\\')
            strb_add_char(b, '\\');
        strb_add_char(b, (char)c);
    }
    strb_add_char(b, '"');
}

/* ( ALPHA / "*" ) *( tchar / ":" / "/" ) */
static bool is_token(struct span text)
{
    if (text.len == 0)
        return false;
    char first = text.ptr[0];
    if (!((first | 0x20) >= 'a' && (first | 0x20) <= 'z') && first != '*')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!(field_classes[(unsigned char)text.ptr[i]] & FIELD_CLASS_TOKEN) &&
            text.ptr[i] != ':' && text.ptr[i] != '/')
            return false;
    return true;
}

void sfield_token(struct strb *b, struct span text)
{
    if (is_token(text))
        strb_add(b, text);
    else
        sfield_string(b, text);
}
