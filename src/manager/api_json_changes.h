/* api_json_changes.h - what is told of the history of the description (pool_history.h) in the
 * documents of the management API. base: as in api_links.h. Pure. */
#ifndef WELDR_MANAGER_API_JSON_CHANGES_H
#define WELDR_MANAGER_API_JSON_CHANGES_H

#include "pool/pool_history.h"

enum { CHANGES_SHOWN_OBJECTS = 1000 }; /* of one change */

/* From place `from` (0: the newest) on, up to limit of them. Malloc'd; NULL: no memory. */
char *api_json_changes(const struct pool_history *h, uint32_t from, uint32_t limit,
                       const char *base);
/* One, with the objects that it touched and how they were before. */
char *api_json_change(const struct pool_history *h, const struct pool_history_record *r,
                      const char *base);
/* What a restore would do; r NULL: nothing. */
char *api_json_change_dry_run(const struct pool_history_record *r);

#endif
