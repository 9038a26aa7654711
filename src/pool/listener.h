/* listener.h - a listener of the description: where clients connect, how they are treated until
 * a pool is chosen, and how it is chosen.
 *
 * It has addresses, the times and limits of clients, whom it believes when a connection speaks
 * for somebody else, rules (rule.h) in the order of their priority, and an action for requests
 * that no rule takes. It belongs to a pool_state; it changes only by commands. The listener
 * "default" has no address until the manager proposes those of --ip. Pure.
 */
#ifndef WELDR_POOL_LISTENER_H
#define WELDR_POOL_LISTENER_H

#include "base/cidr.h"
#include "pool/pool.h"
#include "pool/rule.h"

enum listener_limits {
    LISTENER_LISTENERS_MAX = 1024,
    LISTENER_ADDRESSES_MAX = 16,
    LISTENER_RULES_MAX = 4096
};

enum listener_protocol { LISTENER_HTTP, LISTENER_HTTPS, LISTENER_PROTOCOL_N };

enum listener_tls_profile {
    LISTENER_TLS_INTERMEDIATE,
    LISTENER_TLS_MODERN,
    LISTENER_TLS_PROFILE_N
};

/* Do clients show certificates? OPTIONAL: they are asked, and one that is shown must be right.
 */
enum listener_client_certificate {
    LISTENER_CLIENT_NONE,
    LISTENER_CLIENT_OPTIONAL,
    LISTENER_CLIENT_REQUIRE,
    LISTENER_CLIENT_CERTIFICATE_N
};

enum { LISTENER_CERTIFICATES_MAX = 1024, LISTENER_CLIENT_CA_BYTES_MAX = 256 * 1024 };

/* Members of JSON's "tls" that are no plain numbers or switches (listener_settings.def has
 * those). */
struct listener_tls {
    uint8_t profile;            /* enum listener_tls_profile */
    uint8_t client_certificate; /* enum listener_client_certificate */
    uint32_t certificate_n;     /* 0: all that there are */
    char **certificates;        /* names, or ids as text */
    char *default_certificate;  /* for clients that ask for no name or an unknown one; NULL: the
                                   first of certificates, or the oldest that there is */
    char *client_ca;            /* PEM; NULL: none */
};

struct listener {
    uint64_t id; /* 0: "default" */
    char *name;
    uint8_t protocol;    /* enum listener_protocol */
    bool proxy_protocol; /* connections begin with a PROXY header */
    bool has_trusted;    /* trusted_proxies is given; else as worker/trust.h says */
    uint8_t address_n;
    struct addr addresses[LISTENER_ADDRESSES_MAX]; /* in the order given */
    struct cidr_list trusted;                      /* trusted_proxies, when given */
    union {
        struct listener_settings settings;
        struct {
            LISTENER_SETTINGS_MEMBERS
        };
    };
    struct listener_tls tls;
    struct rule_action default_action;
    /* Ordered by priority, which is unique; a pointer stays valid until its rule is changed or
     * removed. */
    struct rule **rules;
    uint32_t rule_n, rule_cap;
    uint64_t digest; /* hash of its encoding without the rules */
};

/* The listener "default", which is always there. */
struct listener *listener_default(const struct pool_state *s);
struct listener *listener_find(const struct pool_state *s, struct span name); /* NULL: none */
struct listener *listener_find_id(const struct pool_state *s, uint64_t id);   /* NULL: none */
/* NULL: none. */
struct rule *listener_find_rule(const struct pool_state *s, const struct listener *l,
                                uint64_t rule_id);
/* Place of the first rule whose priority is not below this one. */
uint32_t listener_rule_place(const struct listener *l, uint32_t priority);
/* By priority, binary search; NULL: none. */
struct rule *listener_find_priority(const struct listener *l, uint32_t priority);
/* Whichever listener has it; *listener (may be NULL) is set when there is one. NULL: none. */
struct rule *listener_find_any_rule(const struct pool_state *s, uint64_t rule_id,
                                    struct listener **listener);
/* Which listens at exactly this address; NULL: none. */
const struct listener *listener_find_address(const struct pool_state *s, const struct addr *a);
#define LISTENER_PROTOCOL_WISH "protocol must be \"http\" or \"https\""
const char *listener_protocol_word(enum listener_protocol protocol); /* "https" */
bool listener_protocol_from_word(struct span word, uint8_t *protocol);
const char *listener_tls_profile_word(enum listener_tls_profile profile); /* "modern" */
bool listener_tls_profile_from_word(struct span word, uint8_t *profile);
/* "require" */
const char *listener_client_certificate_word(enum listener_client_certificate c);
bool listener_client_certificate_from_word(struct span word, uint8_t *c);
/* A copy of now, with those members of wanted that are in set (enum pool_command_set, of
 * pool_command.h). *to is untouched when memory is short: WERR_NOMEM. */
int listener_tls_merge(struct listener_tls *to, const struct listener_tls *now,
                       const struct listener_tls *wanted, uint32_t set) MUST_USE;
/* What it owns, not itself; zeroed is allowed. */
void listener_tls_fini(struct listener_tls *tls);

#endif
