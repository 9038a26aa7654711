/* pool_code.h - commands as bytes (log entries), as JSON (API bodies), and objects as JSON
 * text.
 *
 * Only pool_code_*.c know jansson, which reads; what goes out is written with base/jtext.
 *
 * Entry: u8 format, u8 type, u8 level (levels.h), u8 flags (0), u32 length of the payload,
 * 16 bytes request id, payload = compact JSON, all little-endian. Format 3 says who wished for
 * it (struct pool_by), or is a RESTORE; format 2 does neither. An unknown format, type or level
 * is WERR_UNSUPPORTED: whoever applies entries must stop and report, never skip. Each format
 * has the level at the same place.
 */
#ifndef WELDR_POOL_POOL_CODE_H
#define WELDR_POOL_POOL_CODE_H

#include "base/seal.h"
#include "pool/pool_command.h"

enum { POOL_ENTRY_HEADER_BYTES = 24, POOL_ENTRY_MAX_BYTES = 16 * 1024 * 1024 };

/* *out is malloc'd and the caller's. WERR_NOMEM, WERR_TOO_BIG. */
int pool_code_encode(const struct pool_command *c, char **out, size_t *len) MUST_USE;
/* Initialises *c (fini it only on success). WERR_CORRUPT, WERR_UNSUPPORTED, WERR_NOMEM. */
int pool_code_decode(struct span entry, struct pool_command *c) MUST_USE;
/* The level of features that an entry needs, also one that can't be decoded; 0: any. */
uint8_t pool_code_level(struct span entry);

/* The same in parts, for those whom nobody may wait for: a list of 10,000 servers takes its
 * time. begin reads all but the servers of a list, go_on up to n of these; both return 0 when
 * all is read, POOL_CODE_MORE before that. The entry must stay. */
enum { POOL_CODE_MORE = 1 };
struct pool_code_parts {
    struct pool_command *c;
    struct span rest; /* of the payload: the servers to come */
    uint32_t most;    /* servers that c->list has room for */
};
int pool_code_begin(struct span entry, struct pool_command *c,
                    struct pool_code_parts *parts) MUST_USE;
int pool_code_go_on(struct pool_code_parts *parts, uint32_t n) MUST_USE;

/* API bodies. Unknown keys, wrong types and bad values are WERR_INVALID with *error naming the
 * field; unreadable JSON is WERR_SYNTAX with code invalid_json and detail "invalid JSON: …".
 * Keys of a server: url, map_host, weight, proxy_protocol, max_requests, check{…}, meta{…}. *c
 * is initialised on success. */
int pool_code_add_from_json(struct span body, struct pool_command *c,
                            struct pool_error *error) MUST_USE;
/* PATCH of a server (JSON merge patch, RFC 7396: null in check or meta takes the override or
 * entry away): url can't be changed. meta given = merged into the current one, hence the
 * server. */
int pool_code_change_from_json(struct span body, const struct pool_server *server,
                               struct pool_command *c, struct pool_error *error) MUST_USE;
/* PATCH of a pool: keys check{…}, policy ("round_robin", "least_outstanding", "p2c", "hash"),
 * hash_key ("address", "header:NAME", "cookie:NAME", "path") and the settings of
 * pool_settings.def: timeouts{…}, limits{…}, retry{…}, eject{…}, queue{…}, fail_open … Members
 * that are not there stay as they are. A setting of another kind is WERR_INVALID with code
 * "moved", the detail naming its place. */
int pool_code_set_pool_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error) MUST_USE;
/* POST of a pool: as a PATCH, and "name", which must be there; with a name from the route (PUT,
 * is_put is set) it may be there and must be the same. name empty: POST. */
int pool_code_add_pool_from_json(struct span body, struct span name, struct pool_command *c,
                                 struct pool_error *error) MUST_USE;
/* The same for listeners: name, addresses ["127.0.0.1:8081"], protocol, proxy_protocol,
 * trusted_proxies ["10.0.0.0/8"] or null, default_action{…}, timeouts{…}, limits{…} and the
 * switches of listener_settings.def. */
int pool_code_set_listener_from_json(struct span body, struct pool_command *c,
                                     struct pool_error *error) MUST_USE;
int pool_code_add_listener_from_json(struct span body, struct span name, struct pool_command *c,
                                     struct pool_error *error) MUST_USE;
/* Rules: priority, conditions{…}, action{…}. PATCH replaces each of the members given whole;
 * add is POST (priority and action must be there). c->listener and c->rule_id are the caller's
 * to set afterwards. */
int pool_code_set_rule_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error) MUST_USE;
int pool_code_add_rule_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error) MUST_USE;
/* VIPs: address, interface, prefix, conflict, nodes{member: interface}. With an address from
 * the route (PUT, is_put is set) that of the body may be missing, and must be the same; empty:
 * POST. PATCH replaces each of the members given whole; c->vip gets its address from the caller
 * afterwards. */
int pool_code_add_vip_from_json(struct span body, struct span address, struct pool_command *c,
                                struct pool_error *error) MUST_USE;
int pool_code_set_vip_from_json(struct span body, struct pool_command *c,
                                struct pool_error *error) MUST_USE;
/* PUT of a server: as add, and is_put. */
int pool_code_put_server_from_json(struct span body, struct pool_command *c,
                                   struct pool_error *error) MUST_USE;
/* PUT of all servers of a pool: {"servers":[…]} as GET prints it or as short as in POST; what
 * only reports is passed over, and so are servers that have left the pool already. admin and
 * drain_ms count for servers that are new (a copy of the pool that comes back). Of a check
 * that GET has printed what equals the pool's is inherited. error->field: "servers[3].weight".
 */
int pool_code_set_servers_from_json(struct span body, const struct pool *p,
                                    struct pool_command *c, struct pool_error *error) MUST_USE;
/* PATCH of the node's settings: those given are set in *settings, the rest stays. */
int pool_code_set_node_from_json(struct span body, struct node_settings *settings,
                                 struct pool_error *error) MUST_USE;

/* Body of a request that brings a certificate: {"chain":PEM,"key":PEM,"name":…,"ocsp":base64 of
 * DER}, the last two may be missing or null; what GET alone shows is passed over. What they say
 * is judged by the caller, who makes the command (ADD_, SET_CERTIFICATE) of it. The key, and
 * the chain, which may hold the key too, lie in memory that is not dumped; no other copy of
 * them is left but the body. *pem is made in any case, and the caller's to fini on success. */
struct pool_code_pem {
    char *name, *staple; /* heap; NULL: not given; staple: "ocsp" */
    struct seal_opened chain, key;
};
int pool_code_pem_from_json(struct span body, struct pool_code_pem *pem,
                            struct pool_error *error) MUST_USE;
void pool_code_pem_fini(struct pool_code_pem *pem);
/* Body of a request to drain, maintain (admin) or resume (POOL_ADMIN_ENABLED) a server: empty
 * or
 * {"drain_ms":300000}; without it the pool's drain_ms. Resuming takes no key. */
int pool_code_admin_from_json(struct span body, enum pool_admin admin, const struct pool *p,
                              uint64_t server_id, struct pool_command *c,
                              struct pool_error *error) MUST_USE;

/* Compact JSON of the description, malloc'd; for snapshots, digests and API documents. NULL: no
 * memory. A server: {"url":…,"map_host":…,"weight":…,"proxy_protocol":…,"max_requests":…,
 * "admin":…,"drain_ms":…,"check":{overrides},"meta":{…}}; a pool:
 * {"name":…,"policy":…,"hash_key":…,settings…, "check":{…}}; a listener:
 * {"name":…,"addresses":[…],"protocol":…,"proxy_protocol":…,
 * "trusted_proxies":…,settings…,"default_action":{…}}; a rule: {"priority":…,
 * "conditions":{…},"action":{…}}. */
char *pool_code_server_json(const struct pool_server *server);
char *pool_code_pool_json(const struct pool *p);
char *pool_code_listener_json(const struct listener *l);
char *pool_code_rule_json(const struct rule *rule);
/* {"name":…,"chain":…,"key":closed,"staple":…,"is_of_file":…,"facts":{…}}; without "name": its
 * id is its name. */
char *pool_code_certificate_json(const struct certificate *c);
/* {"address":…,"interface":…,"prefix":…,"conflict":…,"nodes":{id: interface}}. */
char *pool_code_vip_json(const struct vip *vip);
char *pool_code_node_json(const struct node_settings *settings);
/* JSON of settings with all set members: {"type":"http","interval_ms":…,…,"expect":"200-299"}.
 */
char *pool_code_health_json(const struct pool_health *h);
const char *pool_admin_word(enum pool_admin admin); /* "draining" */
/* The payload of a command's log entry. NULL: no memory. */
char *pool_code_payload_json(const struct pool_command *c);
/* What pool_code_*_json wrote, as an ADD; c->pool and c->listener get its name, but for
 * servers and rules, whose owner is not in it. WERR_INVALID, WERR_SYNTAX, WERR_NOMEM. */
int pool_code_read_stored(enum kind kind, struct span json, struct pool_command *c) MUST_USE;

/* Where names of members are hashed, by this. Without it the first one that is read has the
 * JSON library open a file for chance, which a worker may not. Once, before any other. */
void pool_code_seed(uint64_t seed);

#endif
