/* config.h - flags and environment of the program: settings.def says each once, this turns them
 * into a struct config. Pure: arguments and environment are given.
 *
 * A flag wins over its environment name (WELDR_…), which wins over the default. List settings
 * (--ip, --admin-ip, --admin-host, --server, --trusted-proxies, --certificate) are repeatable;
 * in the environment they are separated by commas. The words "proxy" and "tls" in the list of
 * --ip belong to the address before them. A worker takes only its access log, its user and
 * --seccomp from the environment, which the manager has set; the helper of virtual IPs
 * --seccomp and --log-level. Owner of the strings: the config
 * (config_fini).
 */
#ifndef WELDR_CONFIG_CONFIG_H
#define WELDR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cidr.h"
#include "base/span.h"
#include "base/werr.h"

enum { CONFIG_LIST_MAX = 64, CONFIG_SERVERS_MAX = 16384, CONFIG_WORKERS_MAX = 256 };

enum { CONFIG_CLUSTER_PORT = 8688 }; /* of --cluster-ip without one */

enum config_profile { CONFIG_LAN, CONFIG_FAST, CONFIG_WAN };

enum config_action {
    CONFIG_RUN,        /* manager */
    CONFIG_WORKER,     /* weldr worker --id N */
    CONFIG_VIP_HELPER, /* weldr vip-helper */
    CONFIG_HELP,       /* print config_help() */
    CONFIG_VERSION,    /* print the version */
    CONFIG_VERSION_ALL /* --version --verbose: the level of features, and all libraries */
};

struct config {
    enum config_action action;
    unsigned ip_n;
    struct addr ip[CONFIG_LIST_MAX];  /* --ip; default one wildcard [::]:8080 */
    uint64_t ip_proxy;                /* bit i: ip[i] was given as A:P,proxy */
    uint64_t ip_tls;                  /* … as A:P,tls */
    struct cidr_list trusted_proxies; /* --trusted-proxies; none: not given */
    struct addr
        admin_ip[CONFIG_LIST_MAX]; /* --admin-ip; default 127.0.0.1:8687 and [::1]:8687 */
    unsigned admin_ip_n;
    struct addr metrics_ip[CONFIG_LIST_MAX]; /* --metrics-ip; default none */
    unsigned metrics_ip_n;
    char *admin_host[CONFIG_LIST_MAX]; /* --admin-host: names under which the API is known */
    unsigned admin_host_n;
    /* --certificate and --certificate-key: the key of each, or none at all, when the files of
     * the certificates hold them. */
    char *certificate[CONFIG_LIST_MAX], *certificate_key[CONFIG_LIST_MAX];
    unsigned certificate_n, certificate_key_n;
    char *admin_certificate;          /* --admin-certificate; NULL: the API is in clear */
    char *admin_certificate_key;      /* --admin-certificate-key; NULL: in the same file */
    char *admin_client_ca;            /* --admin-client-ca; NULL: callers show none */
    unsigned workers;                 /* --workers 1–256; 0: one per core */
    char *server[CONFIG_SERVERS_MAX]; /* --server URL */
    unsigned server_n;
    const char *server_source; /* where they were given: "--server" or "WELDR_SERVER" */
    int log_level; /* --log-level error|warn|info|debug|trace → 0…4; default info = 2 */
    uint32_t drain_timeout_ms; /* --drain-timeout "30s", "500ms", "2m" or plain seconds; 30 s */
    uint32_t ready_delay_ms;   /* --ready-delay; 0: none */
    char *on_active;           /* --on-active; NULL */
    char *on_passive;          /* --on-passive; NULL */
    char *admin_socket;        /* --admin-socket; NULL */
    char *admin_token_file;    /* --admin-token-file; NULL */
    char *admin_tokens_file;   /* --admin-tokens-file; NULL */
    char *admin_token;         /* WELDR_ADMIN_TOKEN only (a flag would show in ps); NULL */
    char *const *argv;         /* as given, borrowed */
    char *resolver;            /* --resolver; NULL: those of the system */
    const char *resolver_source; /* "--resolver" or "WELDR_RESOLVER" */
    char *user;                  /* --user, of the workers; NULL: not given */
    /* --access-log, for manager and worker: NULL = off, "stdout", "syslog" or the path of a
     * file */
    char *access_log;
    char *data_dir;                          /* --data-dir; NULL: the usual places */
    char *node_key_file;                     /* --node-key-file; NULL: the directory has it */
    char *join_host;                         /* --join, its name or address; NULL: none */
    char *join_token;                        /* --token; NULL */
    char *join_token_file;                   /* --join-token-file; NULL */
    struct addr cluster_ip;                  /* --cluster-ip; family 0: none */
    uint16_t join_port;                      /* of --join */
    uint16_t ready_passive;                  /* --ready-passive: 200 or 503 */
    uint8_t cluster_profile;                 /* --cluster-profile: enum config_profile */
    bool is_witness;                         /* --witness */
    bool is_ephemeral;                       /* --ephemeral */
    unsigned worker_id;                      /* worker --id */
    bool access_log_is_combined;             /* --access-log-format json|combined */
    bool admin_token_is_required;            /* --admin-token-required */
    bool filters_calls;                      /* --seccomp on|off */
    bool ip_is_default, admin_ip_is_default; /* then IPv6 may be missing without an error */
};

/* argv[0] is skipped; env is a NULL-terminated list "NAME=value". On error WERR_INVALID and a
 * sentence in error (names the flag or variable and what it wants). */
int config_from_args(struct config *c, int argc, char *const *argv, char *const *env,
                     char *error, size_t error_size) MUST_USE;
void config_fini(struct config *c);
/* Files that a supervisor has put into $CREDENTIALS_DIRECTORY (systemd.exec(5)), where no
 * setting says otherwise: weldr.admin-token, weldr.admin-tokens, weldr.join-token and
 * weldr.node-key stand for the flags --admin-token-file and so on. is_there: is there such a
 * file? WERR_NOMEM. */
int config_take_credentials(struct config *c, char *const *env,
                            bool (*is_there)(const char *path)) MUST_USE;
/* The next variable of env, from *at on, that begins as ours do and is none of them: a typing
 * error would otherwise go unnoticed. *at: behind it, 0 at first. *meant: the variable that is
 * nearest to it, ptr NULL: none is near. False: there is none. */
bool config_next_unknown(char *const *env, size_t *at, struct span *name, struct span *meant);
/* Whole --help text, made from settings.def; static. */
const char *config_help(void);

#endif
