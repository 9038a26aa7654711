/* pool_meta.h - the sorted list server->meta. Pure. */
#ifndef WELDR_POOL_POOL_META_H
#define WELDR_POOL_POOL_META_H

#include "pool/pool.h"

void pool_meta_fini(struct pool_server *server);
int pool_meta_copy(struct pool_server *to, const struct pool_server *from) MUST_USE;
/* Adds or replaces. WERR_TOO_BIG at POOL_META_N entries, WERR_NOMEM. */
int pool_meta_set(struct pool_server *server, const char *key, const char *value) MUST_USE;
void pool_meta_remove(struct pool_server *server, const char *key);
bool pool_meta_is_valid_key(struct span key);
bool pool_meta_is_valid_value(struct span value);

#endif
