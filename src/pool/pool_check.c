#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"

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
