/* msg_make.h - a struct msg from lines of text, and its fields as text again: for the tests of
 * http, which know no codec. */
#ifndef WELDR_TESTS_MSG_MAKE_H
#define WELDR_TESTS_MSG_MAKE_H

#include <stdio.h>
#include <string.h>

#include "http/msg.h"

enum { MADE_FIELDS_MAX = 32, MADE_TEXT_MAX = 2048 };

struct made_msg {
    struct msg msg;
    struct msg_field fields[MADE_FIELDS_MAX];
};

/* lines: "Name: value\n" each; lives as long as the text. */
static inline struct msg *msg_make(struct made_msg *made, const char *lines)
{
    memset(made, 0, sizeof(*made));
    struct msg *m = &made->msg;
    m->base = lines;
    m->base_len = (uint32_t)strlen(lines);
    m->version = 11;
    m->fields = made->fields;
    for (const char *at = lines; *at != '\0' && m->field_n < MADE_FIELDS_MAX;) {
        const char *colon = strchr(at, ':');
        const char *lf = strchr(at, '\n');
        m->fields[m->field_n++] = (struct msg_field){
            .name_off = (uint32_t)(at - lines),
            .name_len = (uint16_t)(colon - at),
            .value_off = (uint32_t)(colon + 2 - lines),
            .value_len = (uint32_t)(lf - colon - 2),
            .token = (uint8_t)field_lookup(span_from(at, (size_t)(colon - at))),
        };
        at = lf + 1;
    }
    return m;
}

/* What would be written: received fields that are not dropped, then the added ones. */
static inline const char *msg_show(const struct msg *m, char *text)
{
    char *at = text;
    *at = '\0';
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        struct span n = msg_field_name(m, f);
        struct span v = msg_field_value(m, f);
        if (!(f->flags & MSG_FIELD_DROP))
            at += sprintf(at, "%.*s: %.*s\n", (int)n.len, n.ptr, (int)v.len, v.ptr);
    }
    for (unsigned i = 0; i < m->added_n; i++)
        at += sprintf(at, "%.*s: %.*s\n", (int)m->added[i].name.len, m->added[i].name.ptr,
                      (int)m->added[i].value.len, m->added[i].value.ptr);
    return text;
}

#endif
