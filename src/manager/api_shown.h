/* api_shown.h - bodies of PATCH that are what GET answered, edited and sent back.
 *
 * GET shows more than can be changed. A member that can't be must say what it says now, and is
 * passed over then; what moves by itself (counters, results) and links, which differ from
 * list to document, may say anything. A body that
 * names the resource (a server's id, a pool's name) is taken for such a response: what equals
 * the response of now is no wish, so that a server does not make its own what it inherits of
 * its pool's check.
 *
 * Called by the handlers of PATCH before pool_code reads the rest. Pure.
 */
#ifndef WELDR_MANAGER_API_SHOWN_H
#define WELDR_MANAGER_API_SHOWN_H

#include "manager/api_json.h"

/* shown: the document of now, taken; NULL: WERR_NOMEM.
 * *rest: what the body wishes (malloc'd), or NULL when it is no JSON object: to be read, and
 * refused, as it is. WERR_INVALID with *error (code read_only), WERR_NOMEM. */
/* is_whole: of a PUT, which means all that it says. */
int api_shown_cut_server(struct span body, char *shown, bool is_whole, struct pool_error *error,
                         char **rest) MUST_USE;
/* Whether there is anything to be cut: most bodies say what is to change and no more, and the
 * document of now need not be made for them. */
bool api_shown_has_fixed_server(struct span body);
/* The same of any document. */
int api_shown_cut(struct span body, char *shown, const struct api_json_fixed_set *fixed,
                  struct pool_error *error, char **rest) MUST_USE;

#endif
