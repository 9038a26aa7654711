/* jtext.h - JSON written straight as pretty-printed text, for documents with thousands of
 * members.
 *
 * The layout is that of the JSON library's (two blanks a level), so that a reader can't tell
 * which of the two has made a response. Members go in one after the other; within an object
 * each has a key, in an array key is NULL. Out of memory is remembered and told at the end.
 * Texts are UTF-8. Pure.
 */
#ifndef WELDR_BASE_JTEXT_H
#define WELDR_BASE_JTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jtext {
    char *bytes;
    size_t len, cap;
    unsigned depth;
    bool is_compact;
    bool is_fresh; /* what was opened last is still empty */
    bool failed;
};

void jtext_init(struct jtext *t);
void jtext_init_compact(struct jtext *t);
/* An object or an array, as the document itself or as a member; bracket: '{' or '['. */
void jtext_open(struct jtext *t, const char *key, char bracket);
void jtext_close(struct jtext *t, char bracket); /* '}' or ']' */
void jtext_str(struct jtext *t, const char *key, const char *text);
/* Two texts, one behind the other, as one. */
void jtext_two(struct jtext *t, const char *key, const char *first, const char *second);
void jtext_number(struct jtext *t, const char *key, uint64_t n);
void jtext_bool(struct jtext *t, const char *key, bool is_true);
void jtext_null(struct jtext *t, const char *key);
/* A member that is JSON already, pretty-printed; NULL counts as out of memory. */
void jtext_json(struct jtext *t, const char *key, const char *json);
/* What there is so far, malloc'd; the text goes on behind it. NULL: out of memory, for good. */
char *jtext_page(struct jtext *t);
/* The text, malloc'd, if pretty with a newline; NULL: out of memory. To be called once. */
char *jtext_take(struct jtext *t);

#endif
