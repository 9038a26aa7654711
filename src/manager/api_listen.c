#include "log/log.h"
#include "manager/api.h"
#include "manager/binding.h"
#include "manager/manager.h"

/* Where the management API listens, and the token that it needs for that. */

static int open_one(struct api *a, const struct addr *at, bool is_metrics)
{
    struct manager *m = a->m;
    struct addr bound;
    const int fd = binding_open(at, &bound);

    if (fd < 0 && !is_metrics && m->config->admin_ip_is_default &&
        binding_may_lack_ipv6(at, fd))
        return 0;
    if (fd < 0)
        return binding_fail(at, fd);
    api_add_listener(a, fd, &bound, is_metrics);
    own_addresses_add(&m->own, &bound);
    binding_tell(is_metrics ? "metrics are served" : "management API listens", &bound);
    return 0;
}

int api_listen(struct api *a)
{
    const struct config *config = a->m->config;
    int code = 0;

    for (unsigned i = 0; code == 0 && i < config->admin_ip_n; i++)
        code = open_one(a, &config->admin_ip[i], false);
    for (unsigned i = 0; code == 0 && i < config->metrics_ip_n; i++)
        code = open_one(a, &config->metrics_ip[i], true);
    return code;
}

int api_need_token(struct api *a)
{
    bool is_open = false;

    for (unsigned i = 0; i < a->listener_n; i++)
        is_open = is_open ||
                  (!a->listeners[i].is_metrics && !addr_is_loopback(&a->listeners[i].bound));
    if (!is_open || a->auth.token.len > 0)
        return 0;
    if (api_auth_generate(&a->auth) < 0)
        return manager_fail_start("no randomness", WERR_IO);
    log_always("generated admin token", LOG_S("token", a->auth.token.text));
    return 0;
}
