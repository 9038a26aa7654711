/* openapi_paths.h - the paths of GET /openapi.json: every row of api_routes.def. Pure. */
#ifndef WELDR_MANAGER_OPENAPI_PATHS_H
#define WELDR_MANAGER_OPENAPI_PATHS_H

#include <stdbool.h>

#include "base/jtext.h"

/* The next path with its methods, as a member of what is open; *at begins as 0. False: no more.
 */
bool openapi_paths_put(struct jtext *t, unsigned *at);

#endif
