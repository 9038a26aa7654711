#include "log/log.h"
#include "manager/api.h"
#include "manager/binding.h"
#include "manager/estate.h"
#include "manager/heir.h"
#include "manager/manager.h"
#include "net/inherited.h"
#include "net/passed.h"

/* Where the management API listens, and the token that it needs for that. */

static int refuse_passed(const struct addr *at)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(at, text);
    log_error("can't listen", LOG_S("address", text),
              LOG_S("error", "more than one socket was passed for it, and the API takes one"));
    return MANAGER_EXIT_USAGE;
}

static int open_one(struct api *a, const struct addr *at, enum api_listens how)
{
    static const char *const told[] = {
        [API_LISTENS_CLEAR] = "management API listens",
        [API_LISTENS_TLS] = "management API listens, with TLS",
        [API_LISTENS_METRICS] = "metrics are served",
    };
    struct manager *m = a->m;
    const unsigned passed = passed_count(PASSED_API, at);
    struct addr bound;

    if (passed > 1)
        return refuse_passed(at);
    const int fd = binding_open(at, &bound);
    if (fd < 0 && how != API_LISTENS_METRICS && m->config->admin_ip_is_default &&
        binding_may_lack_ipv6(at, fd))
        return 0;
    if (fd < 0)
        return binding_fail(at, fd);
    api_add_listener(a, fd, at, &bound, how);
    a->listeners[a->listener_n - 1].is_passed = passed > 0;
    own_addresses_add(&m->own, &bound);
    binding_tell(told[how], &bound);
    return 0;
}

static int open_socket(struct api *a)
{
    const char *path = a->m->config->admin_socket;
    const struct addr none = {0};
    const int fd = binding_open_local(path, &a->socket_file);

    if (fd < 0) {
        log_error("can't listen", LOG_S("socket", path),
                  LOG_S("error", fd == WERR_EXISTS ? "a file that is no socket is there"
                                                   : werr_text(fd)));
        return fd == WERR_NOMEM || fd == WERR_NO_FD ? manager_exit_code(fd)
                                                    : MANAGER_EXIT_ADDRESS;
    }
    api_add_listener(a, fd, &none, &none, API_LISTENS_CLEAR);
    log_info("management API listens", LOG_S("socket", path));
    return 0;
}

/* Those that a supervisor has named for the API; NULL at: any of them. */
static bool has_named(const struct addr *at)
{
    const struct passed *p;
    bool has = false;

    for (unsigned i = 0; !has && (p = passed_at(i)) != NULL; i++)
        has = p->is_admin && (at == NULL || addr_is_equal(&p->bound, at));
    return has;
}

static int open_named(struct api *a, enum api_listens how)
{
    const struct passed *p;
    int code = 0;

    for (unsigned i = 0; code == 0 && (p = passed_at(i)) != NULL; i++)
        if (p->is_admin)
            code = open_one(a, &p->bound, how);
    return code;
}

/* Those of the flags. A named socket stands for the default ones, and for its own address. */
static int open_described(struct api *a, enum api_listens how)
{
    const struct config *config = a->m->config;
    int code = 0;

    if (config->admin_ip_is_default && has_named(NULL))
        return 0;
    for (unsigned i = 0; code == 0 && i < config->admin_ip_n; i++)
        if (!has_named(&config->admin_ip[i]))
            code = open_one(a, &config->admin_ip[i], how);
    return code;
}

int api_listen(struct api *a)
{
    const struct config *config = a->m->config;
    int code = api_tls_start(&a->tls, config);
    const enum api_listens how = a->tls.context != NULL ? API_LISTENS_TLS : API_LISTENS_CLEAR;

    code = code == 0 ? open_named(a, how) : code;
    code = code == 0 ? open_described(a, how) : code;
    for (unsigned i = 0; code == 0 && i < config->metrics_ip_n; i++)
        code = open_one(a, &config->metrics_ip[i], API_LISTENS_METRICS);
    return code == 0 && config->admin_socket != NULL ? open_socket(a) : code;
}

/* Is there a caller who can't come in without one? */
static bool needs_token(const struct api *a, const struct api_listener *l)
{
    return !l->is_metrics && !(l->is_tls && a->tls.asks_callers) &&
           api_auth_needs_token(&a->auth, &l->bound);
}

/* The one that the predecessor has told to the log. */
static int adopt_token(struct api *a)
{
    const int rc = tokens_adopt(&a->auth.tokens, span_from_str(a->m->heir->token));

    return rc < 0 ? manager_fail_start("can't keep the generated token", rc) : 0;
}

int api_need_token(struct api *a)
{
    bool is_needed = false;
    char text[TOKENS_GENERATED_MAX];

    for (unsigned i = 0; i < a->listener_n; i++)
        is_needed = is_needed || needs_token(a, &a->listeners[i]);
    if (!is_needed || a->auth.tokens.secrets.n > 0)
        return 0;
    if (a->m->heir->token != NULL)
        return adopt_token(a);
    if (tokens_generate(&a->auth.tokens, text) < 0)
        return manager_fail_start("no randomness", WERR_IO);
    log_always("generated admin token", LOG_S("token", text));
    explicit_bzero(text, sizeof(text));
    return 0;
}

static int bequeath_listener(const struct api *a, const struct api_listener *l,
                             struct estate *e)
{
    const bool is_local = l->bound.family == 0;
    const struct succession_listener one = {
        .use = is_local ? INHERITED_LOCAL : INHERITED_API,
        .wanted = l->wanted,
        .bound = l->bound,
        .name = is_local ? span_from_str(a->m->config->admin_socket) : SPAN_NONE};

    return estate_add_listener(e, &one, l->sock.fd);
}

int api_bequeath(struct api *a, struct estate *e)
{
    const char *text = a->auth.tokens.generated;
    const struct succession token = {.type = SUCCESSION_TOKEN,
                                     .text = text != NULL ? span_from_str(text) : SPAN_NONE};
    int rc = text != NULL ? estate_add(e, &token, -1) : 0;

    for (unsigned i = 0; rc == 0 && i < a->listener_n; i++)
        if (!a->listeners[i].is_passed)
            rc = bequeath_listener(a, &a->listeners[i], e);
    return rc;
}

void api_reload_tokens(struct api *a)
{
    struct manager *m = a->m;
    char error[512];

    if (tokens_load(&a->auth.tokens, m->config, error, sizeof(error)) < 0) {
        log_error("tokens stay as they were", LOG_S("error", error));
        return;
    }
    publish_secrets(&m->publish, &a->auth.tokens.secrets);
    log_info("tokens read again", LOG_U("tokens", a->auth.tokens.secrets.n));
}
