#include <string.h>

#include "base/fsm.h"
#include "worker/ex_int.h"

static const struct fsm_state ex_states[EX_STEPS] = {
#define STEP(name, function, next) [EX_##name] = {#name, next},
#include "worker/exchange_steps.def"
#undef STEP
};
static const struct fsm ex_fsm = {"exchange", ex_states, EX_STEPS};

void ex_move(struct exchange *ex, enum ex_step next, const char *why)
{
    fsm_move(&ex_fsm, &ex->step, next, (uint64_t)(uintptr_t)ex, why);
}

const char *exchange_step_name(const struct exchange *ex)
{
    return fsm_name(&ex_fsm, ex->step);
}

void ex_run(struct exchange *ex)
{
    enum ex_verdict verdict;

    MUST(ex->magic == EX_MAGIC);
    do {
        verdict = ex_step_run[ex->step](ex);
    } while (verdict == EX_VERDICT_NEXT);
}

void ex_have_no_request(struct exchange *ex)
{
    memset(&ex->request, 0, sizeof(ex->request));
    ex->flags |= EX_NO_REQUEST;
}
