/* doc.h - JSON documents of the commands: bodies made of KEY=VALUE, responses as tables and
 * lines. doc.c, and doc_whole.c for whole descriptions, are the files of cli/ that know the
 * JSON library.
 *
 * A document is freed with doc_free; documents inside of it (doc_get, doc_at) are borrowed.
 * Members stay in their order. Pure, but for the file of "KEY=@FILE".
 */
#ifndef WELDR_CLI_DOC_H
#define WELDR_CLI_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

struct doc;

struct doc *doc_new(void);    /* an empty object; NULL: no memory */
void doc_free(struct doc *d); /* NULL allowed */
/* NULL: no JSON, or no memory; why of size bytes says so. */
struct doc *doc_parse(struct span text, char *why, size_t size);

/* Sets a member by "KEY=VALUE". Dots in KEY nest: tags.zone=a. VALUE is a whole number, true,
 * false, null, JSON that begins with [, { or ", @FILE for the text of a file, else text as it
 * stands. "KEY+=VALUE" appends to a list. WERR_INVALID and a sentence in why; WERR_NOMEM. */
int doc_set_pair(struct doc *d, const char *pair, char *why, size_t size) MUST_USE;
/* The same with the key apart; the value is read as above, but for @FILE. */
int doc_set(struct doc *d, struct span key, const char *value, char *why, size_t size) MUST_USE;

/* The member; NULL: there is none. path may have dots. */
const struct doc *doc_get(const struct doc *d, const char *path);
/* The member of this very name, dots and all. */
const struct doc *doc_member(const struct doc *d, const char *key);
/* Of a number; other is what stands for anything else. */
double doc_number(const struct doc *d, double other);
bool doc_is_true(const struct doc *d); /* NULL: false */
/* Its first member that is a list; NULL: none. */
const struct doc *doc_list(const struct doc *d);
size_t doc_size(const struct doc *d); /* of a list; else 0 */
const struct doc *doc_at(const struct doc *d, size_t i);
/* The value as one line: text without quotes, lists with commas, objects as JSON, "-" for null,
 * none and empty text. malloc'd; NULL: no memory. */
char *doc_text(const struct doc *d);
/* As JSON, with a newline at its end; malloc'd; NULL: no memory. */
char *doc_json(const struct doc *d, bool is_pretty);
/* ---- whole descriptions ---- */

/* The text of a file as a document; NULL: why says so. */
struct doc *doc_read(const char *path, char *why, size_t size);
/* Removes members that the API passes over in requests, by the properties of a schema of
 * /openapi.json (they have no more than a description), and those that are null. */
void doc_prune(struct doc *d, const struct doc *properties);
/* d[key] = value, which is taken; NULL value: WERR_NOMEM. */
int doc_put(struct doc *d, const char *key, struct doc *value) MUST_USE;
struct doc *doc_new_list(void);
/* Appends a copy. */
int doc_append(struct doc *list, const struct doc *value) MUST_USE;
struct doc *doc_copy(const struct doc *d);
struct doc *doc_edit_at(struct doc *list, size_t i);
void doc_drop(struct doc *d, const char *key);
bool doc_is_list(const struct doc *d);   /* NULL: false */
bool doc_is_object(const struct doc *d); /* NULL: false */
bool doc_is_equal(const struct doc *a, const struct doc *b);
/* Calls fn for each value of want that have lacks or has otherwise; what want does not say
 * plays no part. Objects are compared member by member, lists as a whole; null and none are
 * equal. */
typedef int (*doc_change_fn)(void *arg, const char *path, const struct doc *want,
                             const struct doc *have);
int doc_each_change(const struct doc *want, const struct doc *have, doc_change_fn fn,
                    void *arg) MUST_USE;

/* Calls fn for each value that is no object, with its dotted path; "links" is left out. Returns
 * what fn returned if negative. */
typedef int (*doc_line_fn)(void *arg, const char *path, const struct doc *value);
int doc_each_line(const struct doc *d, doc_line_fn fn, void *arg) MUST_USE;

#endif
