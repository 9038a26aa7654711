/* field.h - field names that Weldr knows, as tokens.
 *
 * The reader of a codec gives each received field its token once; everything after compares
 * small numbers. Unknown names are FIELD_OTHER and compared by text (rare). The table is
 * fields.def. Pure.
 */
#ifndef WELDR_HTTP_FIELD_H
#define WELDR_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum field_token {
    FIELD_OTHER,
#define FIELD(token, name, duty) FIELD_##token,
#include "http/fields.def"
#undef FIELD
    FIELD_TOKENS
};

enum field_duty { FIELD_DUTY_END, FIELD_DUTY_HOP, FIELD_DUTY_FRAME };

/* The longest known name; for each length, the first letters (a bit by their low five bits) of
 * the known names that are so long. */
enum { FIELD_NAME_MAX = 19 };
extern const uint32_t field_first_letters[FIELD_NAME_MAX + 1];
enum field_token field_lookup_known(struct span name);
/* Token of a name in any case; FIELD_OTHER when unknown. Constant time per length (length and
 * first letter, then the last one, then compare). Inline, since most names that are sent are
 * none of them. */
static inline enum field_token field_lookup(struct span name)
{
    if (name.len - 1 >= FIELD_NAME_MAX ||
        (field_first_letters[name.len] >> (name.ptr[0] & 31) & 1U) == 0)
        return FIELD_OTHER;
    return field_lookup_known(name);
}
/* Canonical lower-case name; empty for FIELD_OTHER. */
struct span field_name(enum field_token token);
enum field_duty field_duty(enum field_token token);

/* Classes of a byte, for readers that walk through text themselves. */
enum field_class {
    FIELD_CLASS_TOKEN = 1U << 0,  /* tchar (RFC 9110 section 5.6.2) */
    FIELD_CLASS_VALUE = 1U << 1,  /* VCHAR, obs-text, SP, HTAB (section 5.5) */
    FIELD_CLASS_TARGET = 1U << 2, /* VCHAR but '#': what a request target may hold */
    FIELD_CLASS_HOST = 1U << 3 /* reg-name of RFC 3986, without the comma that could be a list,
                                  and without '%', which two digits must follow */
};
extern const unsigned char field_classes[256];

/* Character classes of RFC 9110 section 5.6.2 and 5.5. */
bool field_is_token(struct span s); /* 1*tchar */
bool field_is_value(struct span s); /* VCHAR, obs-text, SP, HTAB only */
/* The same name to a server that makes variables of field names: to that '_' is '-' (RFC 3875
 * section 4.1.18). wanted: in lower case, with '-'. */
bool field_is_alike(struct span name, struct span wanted);
/* Does it say on whose behalf a request comes (Forwarded, X-Forwarded-*), to such a server? */
bool field_is_forwarding(struct span name);
/* Does it say what certificate the client has shown (X-Client-Cert-*), to such a server? Weldr
 * alone says so. */
bool field_is_client_certificate(struct span name);
/* Of a name that is no token: false when it is neither of the two. Length, second and third
 * letter tell, for nearly no other name has all: '-' or '_' (they differ in the bits of 0x72),
 * then one of b, c, f and g. */
static inline bool field_may_be_forwarding(struct span name)
{
    return name.len >= sizeof("x-forwarded-") - 1 &&
           (((unsigned char)name.ptr[1] | (unsigned)(unsigned char)name.ptr[2] << 8) |
            0x2572U) == 0x677fU;
}

#endif
