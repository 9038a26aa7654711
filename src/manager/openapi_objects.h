/* openapi_objects.h - the schemas of GET /openapi.json: every object of api_objects.def.
 *
 * A response's schema knows all members and no others, and requires those that are always
 * there. A request's requires none (api_routes.def says which a route needs), takes null for
 * the default, and lets pass what responses show. Pure.
 */
#ifndef WELDR_MANAGER_OPENAPI_OBJECTS_H
#define WELDR_MANAGER_OPENAPI_OBJECTS_H

#include <stdbool.h>

#include "base/jtext.h"
#include "base/span.h"

/* The next object's schemas, as members of what is open; *at begins as 0. False: no more. */
bool openapi_objects_put(struct jtext *t, unsigned *at);
/* Has it a schema of its own in requests, NAME OPENAPI_REQUEST? */
bool openapi_object_has_request(struct span name);
/* For the tests: is there an object of this name? */
bool openapi_object_is_there(struct span name);

#endif
