/* api_tag.h - entity tags of the management API (RFC 9110 sections 8.8.3 and 13).
 *
 * The tag of a server, pool, listener or rule is the digest of its description: what people
 * decide. States, counters, and the revision that a document shows play no part in it, so that
 * it changes when somebody has changed the object and at no other time. The tag of a list is
 * that of all descriptions in it. What is no part of the description (the node, statistics) has
 * the hash of the response's text.
 *
 * Of a read If-Match and If-None-Match are judged when the response is made (412, 304); of a
 * change they go with the command, and pool_apply judges them (412). Called by api_request.c,
 * which reads the fields, api_respond.c and api_wish.c.
 */
#ifndef WELDR_MANAGER_API_TAG_H
#define WELDR_MANAGER_API_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "http/msg.h"
#include "pool/pool.h"
#include "pool/pool_command.h"

enum { API_TAGS_MAX = 8, API_TAG_TEXT_MAX = 20 };

/* One of the two fields. */
struct api_tags {
    bool is_there; /* whatever it says */
    bool is_any;   /* * */
    uint8_t n;
    uint64_t tags[API_TAGS_MAX]; /* those of ours; other tags are equal to none */
};

struct api_conditions {
    struct api_tags match, none_match;
};

/* Does the request have conditions? */
static inline bool api_tags_are_there(const struct api_conditions *c)
{
    return c->match.is_there || c->none_match.is_there;
}

void api_tag_read(const struct msg *m, struct api_conditions *c);
/* One field's value; more tags than fit, weak ones where is_weak is false (RFC 9110 section
 * 8.8.3.2), and what is no tag are equal to none. */
void api_tag_read_value(struct span value, bool is_weak, struct api_tags *tags);
/* May a resource with this tag (0: it is not there) be read? 0, or the status instead: 304,
 * 412. */
unsigned api_tag_judge_read(const struct api_conditions *c, uint64_t tag);
/* The same of a resource that this node alone has, and that is about to be changed. */
bool api_tag_may_change(const struct api_conditions *c, uint64_t tag);
/* What a change must find. WERR_NOMEM. */
int api_tag_stamp(const struct api_conditions *conditions, const struct pool_state *s,
                  struct pool_command *c) MUST_USE;
/* The same of a resource with this tag. */
void api_tag_stamp_as(const struct api_conditions *conditions, uint64_t now,
                      struct pool_command *c);
/* "\"00000000deadbeef\"" */
void api_tag_print(uint64_t tag, char buf[API_TAG_TEXT_MAX]);
uint64_t api_tag_of_text(const char *text);

#endif
