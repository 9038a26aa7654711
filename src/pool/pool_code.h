/* pool_code.h - commands as bytes (log entries), as JSON (API bodies), and servers and pools as
 * JSON text. The only file of pool/ that knows jansson.
 *
 * Entry: u8 format (1), u8 type, u16 flags (0), u32 length of the payload, 16 bytes request id,
 * payload = compact JSON, all little-endian. An unknown format or type is WERR_UNSUPPORTED:
 * whoever applies entries must stop and report, never skip.
 */
#ifndef WELDR_POOL_POOL_CODE_H
#define WELDR_POOL_POOL_CODE_H

#include "pool/pool_command.h"

enum { POOL_ENTRY_HEADER_BYTES = 24, POOL_ENTRY_MAX_BYTES = 64 * 1024 };

/* *out is malloc'd and the caller's. WERR_NOMEM, WERR_TOO_BIG. */
int pool_code_encode(const struct pool_command *c, char **out, size_t *len) MUST_USE;
/* Initialises *c (fini it only on success). WERR_CORRUPT, WERR_UNSUPPORTED, WERR_NOMEM. */
int pool_code_decode(struct span entry, struct pool_command *c) MUST_USE;

/* API bodies. Unknown keys, wrong types and bad values are WERR_INVALID with *error naming the
 * field; unreadable JSON is WERR_SYNTAX with code invalid_json and detail "invalid JSON: …".
 * Keys of a server: url, map_host, weight, check{…}, meta{…}. *c is initialised on success. */
int pool_code_add_from_json(struct span body, struct pool_command *c,
                            struct pool_error *error) MUST_USE;
/* PATCH of a server (JSON merge patch, RFC 7396: null in check or meta takes the override or
 * entry away): url can't be changed. meta given = merged into the current one, hence the
 * server. */
int pool_code_change_from_json(struct span body, const struct pool_server *server,
                               struct pool_command *c, struct pool_error *error) MUST_USE;
/* PATCH of a pool: keys check{…}, timeouts{connect_ms, response_head_ms, idle_ms}, policy
 * ("round_robin"). */
int pool_code_set_pool_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error) MUST_USE;

/* Compact JSON of the description, malloc'd:
 * {"url":…,"map_host":…,"weight":…,"check":{overrides},"meta":{…}} and
 * {"name":…,"policy":…,"timeouts":{…},"check":{…}}; for snapshots, digests and API documents.
 * NULL: no memory. */
char *pool_code_server_json(const struct pool_server *server);
char *pool_code_pool_json(const struct pool *p);
/* JSON of settings with all set members: {"type":"http","interval_ms":…,…,"expect":"200-299"}.
 */
char *pool_code_health_json(const struct pool_health *h);
const char *pool_health_type_word(enum pool_health_type type); /* "http" */

#endif
