/* api_links.h - the list `links` of each document of the management API.
 *
 * `self` stands first. base goes before each path: "/v1" for whoever asked below it, else "".
 * It goes along with the document (api_base in api.h gives it). Pure.
 */
#ifndef WELDR_MANAGER_API_LINKS_H
#define WELDR_MANAGER_API_LINKS_H

#include <stddef.h>

#include "base/jtext.h"

struct api_link {
    const char *rel, *href, *method;
};

/* The member "links". A link whose rel is NULL is left out. */
void api_links_put(struct jtext *t, const char *base, const struct api_link *links, size_t n);

#endif
