#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/span.h"
#include "config/config_int.h"

enum { PATH_BYTES_MAX = 4000 };

/* Readers take one value into the config: 0, WERR_INVALID (with what the value must be in
 * *wish) or WERR_NOMEM. */
typedef int (*read_fn)(struct config *c, struct span value, const char **wish);

static int read_address(struct addr *list, unsigned *n, struct span value, const char **wish)
{
    *wish = "must be address:port, such as 127.0.0.1:8080, [::1]:8080 or :8080";
    if (*n == CONFIG_LIST_MAX)
        *wish = "can be given at most 64 times";
    else if (addr_from_text(value, &list[*n]) == 0) {
        (*n)++;
        return 0;
    }
    return WERR_INVALID;
}

_Static_assert(CONFIG_LIST_MAX <= 64, "a bit for each address");

/* What may stand behind an address, and where that is noted. */
static uint64_t *find_mark(struct config *c, struct span word)
{
    if (span_is_equal(word, SPAN("proxy")))
        return &c->ip_proxy;
    return span_is_equal(word, SPAN("tls")) ? &c->ip_tls : NULL;
}

/* Takes the list apart itself: "proxy" and "tls" are no values of their own. */
static int read_ip(struct config *c, struct span value, const char **wish)
{
    unsigned before = c->ip_n;
    struct span item;
    while (span_next_item(&value, &item)) {
        uint64_t *mark = c->ip_n > before ? find_mark(c, item) : NULL;

        if (mark != NULL)
            *mark |= UINT64_C(1) << (c->ip_n - 1);
        else if (read_address(c->ip, &c->ip_n, item, wish) < 0)
            return WERR_INVALID;
    }
    /* Nothing in it: says what it must be. */
    return c->ip_n > before ? 0 : read_address(c->ip, &c->ip_n, value, wish);
}

static int read_trusted_proxies(struct config *c, struct span value, const char **wish)
{
    int rc = cidr_list_add(&c->trusted_proxies, value);
    *wish = rc == WERR_TOO_BIG ? "can name at most 64 ranges"
                               : "must be addresses or ranges, such as 10.0.0.0/8,::1";
    return rc < 0 ? WERR_INVALID : 0;
}

static int read_admin_ip(struct config *c, struct span value, const char **wish)
{
    return read_address(c->admin_ip, &c->admin_ip_n, value, wish);
}

static int read_metrics_ip(struct config *c, struct span value, const char **wish)
{
    return read_address(c->metrics_ip, &c->metrics_ip_n, value, wish);
}

static int read_workers(struct config *c, struct span value, const char **wish)
{
    uint64_t n = 0;
    *wish = "must be a number from 1 to 256";
    if (num_from_dec(value, CONFIG_WORKERS_MAX, &n) != 0 || n == 0)
        return WERR_INVALID;
    c->workers = (unsigned)n;
    return 0;
}

int config_store(char **to, struct span value)
{
    char *copy = fault_malloc(value.len + 1);
    if (copy == NULL)
        return WERR_NOMEM;
    memcpy(copy, value.ptr, value.len);
    copy[value.len] = '\0';
    free(*to);
    *to = copy;
    return 0;
}

/* What is a good URL of a server says the pool, when the manager adds it. */
static int read_server(struct config *c, struct span value, const char **wish)
{
    *wish = "must be a URL, such as http://127.0.0.1:12345";
    if (c->server_n == CONFIG_SERVERS_MAX)
        *wish = "can be given at most 16384 times";
    else if (config_is_word(value)) {
        int rc = config_store(&c->server[c->server_n], value);
        c->server_n += rc == 0;
        return rc;
    }
    return WERR_INVALID;
}

static int read_admin_host(struct config *c, struct span value, const char **wish)
{
    *wish = "must be a host name without a port, such as weldr.example";
    if (c->admin_host_n == CONFIG_LIST_MAX)
        *wish = "can be given at most 64 times";
    else if (config_is_host_name(value)) {
        int rc = config_store(&c->admin_host[c->admin_host_n], value);
        c->admin_host_n += rc == 0;
        return rc;
    }
    return WERR_INVALID;
}

int config_read_file_name(char **to, struct span value, const char **wish)
{
    *wish = "must be the name of a file";
    return value.len > 0 && value.len <= PATH_BYTES_MAX ? config_store(to, value)
                                                        : WERR_INVALID;
}

static int read_file_list(char **list, unsigned *n, struct span value, const char **wish)
{
    if (*n == CONFIG_LIST_MAX) {
        *wish = "can be given at most 64 times";
        return WERR_INVALID;
    }
    const int rc = config_read_file_name(&list[*n], value, wish);

    *n += rc == 0;
    return rc;
}

static int read_certificate(struct config *c, struct span value, const char **wish)
{
    return read_file_list(c->certificate, &c->certificate_n, value, wish);
}

static int read_certificate_key(struct config *c, struct span value, const char **wish)
{
    return read_file_list(c->certificate_key, &c->certificate_key_n, value, wish);
}

static int read_admin_certificate(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->admin_certificate, value, wish);
}

static int read_admin_certificate_key(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->admin_certificate_key, value, wish);
}

static int read_admin_client_ca(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->admin_client_ca, value, wish);
}

static int read_log_level(struct config *c, struct span value, const char **wish)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    *wish = "must be error, warn, info, debug or trace";
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (span_is_equal(value, span_from_str(levels[i]))) {
            c->log_level = (int)i;
            return 0;
        }
    }
    return WERR_INVALID;
}

static size_t count_digits(struct span value)
{
    size_t n = 0;
    while (n < value.len && value.ptr[n] >= '0' && value.ptr[n] <= '9')
        n++;
    return n;
}

static int read_time(uint32_t *ms, struct span value, const char **wish)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
    enum { DAY_MS = 86400000 };
    *wish = "must be a time of at most a day, such as 500ms, 30s or 2m";
    size_t digits = count_digits(value);
    struct span unit = span_skip(value, digits);
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t n = 0;
        if (!span_is_equal(unit, span_from_str(units[i].unit)))
            continue;
        if (num_from_dec(span_first(value, digits), DAY_MS / units[i].ms, &n) != 0)
            return WERR_INVALID;
        *ms = (uint32_t)n * units[i].ms;
        return 0;
    }
    return WERR_INVALID;
}

static int read_drain_timeout(struct config *c, struct span value, const char **wish)
{
    return read_time(&c->drain_timeout_ms, value, wish);
}

static int read_ready_delay(struct config *c, struct span value, const char **wish)
{
    return read_time(&c->ready_delay_ms, value, wish);
}

static int read_admin_token_file(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->admin_token_file, value, wish);
}

static int read_admin_socket(struct config *c, struct span value, const char **wish)
{
    enum { SUN_PATH_MAX = 107 };
    *wish = "must be a path of at most 107 bytes";
    return value.len > 0 && value.len <= SUN_PATH_MAX ? config_store(&c->admin_socket, value)
                                                      : WERR_INVALID;
}

static int read_admin_tokens_file(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->admin_tokens_file, value, wish);
}

static int read_admin_token_required(struct config *c, struct span value, const char **wish)
{
    *wish = "must be yes or no";
    c->admin_token_is_required = span_is_equal(value, SPAN("yes"));
    return c->admin_token_is_required || span_is_equal(value, SPAN("no")) ? 0 : WERR_INVALID;
}

static int read_resolver(struct config *c, struct span value, const char **wish)
{
    *wish = "must be addresses of name servers as A:P, separated by commas";
    return config_is_word(value) ? config_store(&c->resolver, value) : WERR_INVALID;
}

static int read_admin_token(struct config *c, struct span value, const char **wish)
{
    *wish = "must hold visible ASCII characters only";
    return config_is_word(value) ? config_store(&c->admin_token, value) : WERR_INVALID;
}

static int read_data_dir(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->data_dir, value, wish);
}

static int read_node_key_file(struct config *c, struct span value, const char **wish)
{
    return config_read_file_name(&c->node_key_file, value, wish);
}

static int read_ephemeral(struct config *c, struct span value, const char **wish)
{
    *wish = "must be yes or no";
    c->is_ephemeral = span_is_equal(value, SPAN("yes"));
    return c->is_ephemeral || span_is_equal(value, SPAN("no")) ? 0 : WERR_INVALID;
}

static int read_user(struct config *c, struct span value, const char **wish)
{
    *wish = "must be the name of a user, or UID or UID:GID";
    return config_is_word(value) ? config_store(&c->user, value) : WERR_INVALID;
}

static int read_seccomp(struct config *c, struct span value, const char **wish)
{
    *wish = "must be on or off";
    c->filters_calls = span_is_equal(value, SPAN("on"));
    return c->filters_calls || span_is_equal(value, SPAN("off")) ? 0 : WERR_INVALID;
}

static int read_access_log(struct config *c, struct span value, const char **wish)
{
    *wish = "must be off, stdout, syslog or the path of a file";
    if (value.len == 0 || value.len > PATH_BYTES_MAX)
        return WERR_INVALID;
    free(c->access_log);
    c->access_log = NULL;
    return span_is_equal(value, SPAN("off")) ? 0 : config_store(&c->access_log, value);
}

static int read_access_log_format(struct config *c, struct span value, const char **wish)
{
    *wish = "must be json or combined";
    c->access_log_is_combined = span_is_equal(value, SPAN("combined"));
    return c->access_log_is_combined || span_is_equal(value, SPAN("json")) ? 0 : WERR_INVALID;
}

static int read_worker_id(struct config *c, struct span value, const char **wish)
{
    uint64_t n = 0;
    *wish = "must be a number from 0 to 255";
    if (num_from_dec(value, 255, &n) != 0)
        return WERR_INVALID;
    c->worker_id = (unsigned)n;
    return 0;
}

enum setting_name {
#define SETTING(name, flag, env, word, standard, help, read) SETTING_##name,
#include "config/settings.def"
#undef SETTING
    SETTING_N
};

struct setting {
    const char *flag; /* NULL: environment only */
    const char *env;
    read_fn read;
};

static const struct setting settings[SETTING_N] = {
#define SETTING(name, flag, env, word, standard, help, read) {flag, env, read},
#include "config/settings.def"
#undef SETTING
};

/* Lists whose readers take one value: the environment separates them by commas. */
static bool is_list(unsigned name)
{
    return name == SETTING_ADMIN_IP || name == SETTING_METRICS_IP ||
           name == SETTING_ADMIN_HOST || name == SETTING_SERVER ||
           name == SETTING_CERTIFICATE || name == SETTING_CERTIFICATE_KEY;
}

/* Flags that say yes when no value comes with them. */
static bool is_switch(unsigned name)
{
    return name == SETTING_ADMIN_TOKEN_REQUIRED || name == SETTING_EPHEMERAL ||
           name == SETTING_WITNESS;
}

/* One run over arguments and environment. */
struct parse {
    struct config *c;
    char error[200];
    int argc, at; /* next argument */
    char *const *argv;
    bool is_given[SETTING_N]; /* by a flag: the environment then plays no part */
    bool has_worker_id;
};

static int fail(struct parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct parse *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->error, sizeof(p->error), format, args);
    va_end(args);
    return WERR_INVALID;
}

static int read_value(struct parse *p, const char *source, read_fn read, struct span value)
{
    const char *wish = "";
    int rc = read(p->c, value, &wish);
    if (rc == WERR_INVALID && (read == read_admin_token || read == config_read_join_token))
        return fail(p, "%s %s", source, wish); /* a token has no place in a log */
    if (rc == WERR_INVALID)
        return fail(p, "%s %s, not \"%.*s\"", source, wish,
                    (int)(value.len < 80 ? value.len : 80), value.ptr);
    if (rc != 0)
        snprintf(p->error, sizeof(p->error), "out of memory");
    return rc;
}

/* True when argument is the flag, alone or as --flag=value (then *value is set, else it has no
 * pointer). */
static bool is_flag(const char *argument, const char *flag, struct span *value)
{
    struct span text = span_from_str(argument);
    struct span name = span_from_str(flag);
    *value = SPAN_NONE;
    if (!span_has_prefix(text, name))
        return false;
    if (text.len == name.len)
        return true;
    if (text.ptr[name.len] != '=')
        return false;
    *value = span_skip(text, name.len + 1);
    return true;
}

/* The value after the flag, where it did not come with it. */
static int take_value(struct parse *p, const char *flag, struct span *value)
{
    if (value->ptr != NULL)
        return 0;
    if (p->at == p->argc)
        return fail(p, "%s needs a value", flag);
    *value = span_from_str(p->argv[p->at++]);
    return 0;
}

static int refuse_argument(struct parse *p, const char *argument)
{
    const char *kind = argument[0] == '-' ? "unknown flag" : "unexpected argument";
    size_t len = strcspn(argument, "="); /* what follows may be a secret */
    return fail(p, "%s %.*s (see weldr --help)", kind, (int)(len < 80 ? len : 80), argument);
}

static int read_flag(struct parse *p, const char *argument)
{
    struct span value;
    for (unsigned i = 0; i < SETTING_N; i++) {
        const struct setting *s = &settings[i];
        if (s->flag == NULL || !is_flag(argument, s->flag, &value))
            continue;
        if (value.ptr == NULL && is_switch(i))
            value = SPAN("yes");
        int rc = take_value(p, s->flag, &value);
        p->is_given[i] = true;
        return rc != 0 ? rc : read_value(p, s->flag, s->read, value);
    }
    return refuse_argument(p, argument);
}

static int read_worker_flag(struct parse *p, const char *argument)
{
    struct span value;
    if (!is_flag(argument, "--id", &value))
        return refuse_argument(p, argument);
    int rc = take_value(p, "--id", &value);
    p->has_worker_id = true;
    return rc != 0 ? rc : read_value(p, "--id", read_worker_id, value);
}

/* --help and --version end the reading: what stands behind them plays no part, but for the
 * --verbose of --version. */
static bool is_action(struct parse *p, const char *argument)
{
    const bool is_verbose = p->at < p->argc && strcmp(p->argv[p->at], "--verbose") == 0;

    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        p->c->action = CONFIG_HELP;
    else if (strcmp(argument, "--version") == 0)
        p->c->action = is_verbose ? CONFIG_VERSION_ALL : CONFIG_VERSION;
    else
        return false;
    return true;
}

/* The processes that the manager starts. */
static void read_role(struct parse *p)
{
    const char *word = p->at < p->argc ? p->argv[p->at] : "";

    if (strcmp(word, "worker") == 0)
        p->c->action = CONFIG_WORKER;
    else if (strcmp(word, "vip-helper") == 0)
        p->c->action = CONFIG_VIP_HELPER;
    p->at += p->c->action != CONFIG_RUN;
}

static int read_flag_of_role(struct parse *p, const char *argument)
{
    if (p->c->action == CONFIG_WORKER)
        return read_worker_flag(p, argument);
    return p->c->action == CONFIG_VIP_HELPER ? refuse_argument(p, argument)
                                             : read_flag(p, argument);
}

static int read_arguments(struct parse *p)
{
    read_role(p);
    while (p->at < p->argc) {
        const char *argument = p->argv[p->at++];
        if (is_action(p, argument))
            return 0;
        int rc = read_flag_of_role(p, argument);
        if (rc != 0)
            return rc;
    }
    if (p->c->action == CONFIG_WORKER && !p->has_worker_id)
        return fail(p, "weldr worker needs --id N");
    return 0;
}

/* An empty variable counts as not there. */
static struct span find_variable(char *const *env, const char *name)
{
    for (; env != NULL && *env != NULL; env++) {
        struct span value;
        if (is_flag(*env, name, &value) && value.ptr != NULL)
            return value;
    }
    return SPAN_NONE;
}

static int read_variable(struct parse *p, unsigned name, const char *env_name,
                         struct span value)
{
    const struct setting *s = &settings[name];
    if (!is_list(name))
        return value.len > 0 ? read_value(p, env_name, s->read, value) : 0;
    struct span item;
    while (span_next_item(&value, &item)) {
        int rc = read_value(p, env_name, s->read, item);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* What the manager's processes are told by their environment; the rest comes over their
 * sockets. */
static bool is_for_role(enum config_action action, unsigned name)
{
    if (action == CONFIG_WORKER)
        return name == SETTING_ACCESS_LOG || name == SETTING_ACCESS_LOG_FORMAT ||
               name == SETTING_USER || name == SETTING_SECCOMP;
    if (action == CONFIG_VIP_HELPER)
        return name == SETTING_SECCOMP || name == SETTING_LOG_LEVEL;
    return action == CONFIG_RUN;
}

/* The two exclude each other: a flag of one takes the place of both variables. */
static bool is_overruled(const struct parse *p, unsigned name)
{
    return (name == SETTING_EPHEMERAL && p->is_given[SETTING_DATA_DIR]) ||
           (name == SETTING_DATA_DIR && p->is_given[SETTING_EPHEMERAL]);
}

static int read_environment(struct parse *p, char *const *env)
{
    for (unsigned i = 0; i < SETTING_N; i++) {
        if (!is_for_role(p->c->action, i))
            continue;
        const char *name = settings[i].env;
        struct span value = find_variable(env, name);
        if (i == SETTING_LOG_LEVEL && value.len == 0) {
            name = "WELDR_LOG";
            value = find_variable(env, name);
        }
        int rc = p->is_given[i] || is_overruled(p, i) ? 0 : read_variable(p, i, name, value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* For complaints about values that are looked at later. */
static const char *source_of(const struct parse *p, unsigned name)
{
    return p->is_given[name] ? settings[name].flag : settings[name].env;
}

static int check_together(struct parse *p)
{
    const char *wrong = config_find_lonely(p->c);

    if (wrong == NULL)
        return 0;
    snprintf(p->error, sizeof(p->error), "%s", wrong);
    return WERR_INVALID;
}

int config_from_args(struct config *c, int argc, char *const *argv, char *const *env,
                     char *error, size_t error_size)
{
    struct parse p = {.c = c, .argc = argc, .at = 1, .argv = argv};
    *c = (struct config){.action = CONFIG_RUN,
                         .argv = argv,
                         .log_level = 2,
                         .drain_timeout_ms = 30000,
                         .ready_passive = 200,
                         .filters_calls = true};
    int rc = read_arguments(&p);
    if (rc == 0)
        rc = read_environment(&p, env);
    if (rc == 0 && c->action == CONFIG_RUN)
        rc = check_together(&p);
    if (rc != 0) {
        snprintf(error, error_size, "%s", p.error);
        config_fini(c);
        return rc;
    }
    c->server_source = source_of(&p, SETTING_SERVER);
    c->resolver_source = source_of(&p, SETTING_RESOLVER);
    config_set_defaults(c);
    return 0;
}
