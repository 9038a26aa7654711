#include <stdlib.h>

#include "base/clock.h"
#include "base/jtext.h"
#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_problem.h"
#include "manager/keyring.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "pool/certificate.h"

/* What a backup of the cluster holds beside pools, listeners and rules, which the API tells
 * anyway: certificates with their private keys. These are told as they are kept, closed with
 * the cluster's key, and that closed with the node's own, which nobody is told: only who has
 * the file with the node's key can open any of them. A POST, since who may only read gets none.
 */

static void put_certificate(struct jtext *t, const struct certificate *c)
{
    jtext_open(t, NULL, '{');
    if (certificate_has_name(c))
        jtext_str(t, "name", c->name);
    else
        jtext_null(t, "name");
    jtext_str(t, "chain", c->chain);
    jtext_str(t, "key", c->key);
    if (c->staple != NULL)
        jtext_str(t, "ocsp", c->staple);
    else
        jtext_null(t, "ocsp");
    jtext_close(t, '}');
}

static void put_origin(struct jtext *t, const struct manager *m)
{
    struct cluster_status s;
    char text[32];

    m->cluster->ops->status(m->cluster, &s);
    (void)clock_print_wall(loop_wall_us(m->loop), text);
    jtext_str(t, "exported", text);
    jtext_number(t, "revision", m->revision);
    if (s.id[0] != '\0')
        jtext_str(t, "cluster", s.id);
    else
        jtext_null(t, "cluster");
    members_print_id(members_own_id(m->cluster), text);
    jtext_str(t, "node", text);
}

static char *print(const struct manager *m, const char *key)
{
    const struct pool_state *s = m->pool;
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    put_origin(&t, m);
    jtext_str(&t, "key", key);
    jtext_open(&t, "certificates", '[');
    for (uint32_t i = 0; i < s->certificate_n; i++)
        if (!s->certificates[i]->is_of_file)
            put_certificate(&t, s->certificates[i]);
    jtext_close(&t, ']');
    jtext_close(&t, '}');
    return jtext_take(&t);
}

void api_cluster_export(struct api_conn *ac)
{
    struct manager *m = ac->m;
    char *key = NULL;

    if (!api_has_engine(ac))
        return;
    const int rc =
        keyring_export(m->keyring, manager_data_dir(m), m->config->node_key_file, &key);
    if (rc == WERR_UNSUPPORTED) {
        api_problem(ac, 409, "nothing_kept",
                    "this node keeps nothing (--ephemeral): it has no key of its own to close "
                    "private keys with");
    } else if (rc < 0) {
        api_problem_internal(ac, rc);
    } else {
        struct event_by by;

        api_name_caller(ac, &by);
        log_always("certificates and their closed keys were exported", LOG_S("by", by.address),
                   LOG_S("token", by.token));
        api_respond(ac, 200, print(m, key));
        free(key);
    }
}
