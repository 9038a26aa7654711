#include <stdio.h>

#include "pool/pool_command.h"
#include "pool/pool_int.h"

int pool_check_health(const struct pool_health *h, struct pool_error *error)
{
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if (pool_health_is_valid(h, f))
            continue;
        char field[64];
        char wish[200];
        snprintf(field, sizeof(field), "check.%s", f->key);
        pool_health_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", field, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}

int pool_check_settings(const struct settings_table *t, const void *settings, uint64_t given,
                        struct pool_error *error)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct setting *f = &t->fields[i];
        if ((given & setting_bit(t, f)) == 0 || setting_is_valid(f, setting_get(settings, f)))
            continue;
        char wish[200];
        setting_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", f->path, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}

/* Values first: what the judgement compares must be there. */
int pool_check(const struct pool_state *s, const struct pool_command *c,
               struct pool_error *error)
{
    int rc = kind_ops(pool_command_kind(c->type))->check(c, error);
    if (rc != 0)
        return rc;
    rc = pool_judge(s, c);
    if (rc != 0)
        pool_refusal(s, c, rc, error);
    return rc;
}
