#include "manager/manager.h"

#include "base/fsm.h"
#include "log/log.h"

static const struct fsm_state phases[MANAGER_PHASES] = {
    [MANAGER_SERVING] = {"SERVING", FSM_TO(MANAGER_LEAVING)},
    [MANAGER_LEAVING] = {"LEAVING", FSM_TO(MANAGER_DRAINING)},
    [MANAGER_DRAINING] = {"DRAINING", 0},
};
static const struct fsm phase_fsm = {"manager", phases, MANAGER_PHASES};

void manager_move(struct manager *m, enum manager_phase next, const char *why)
{
    fsm_move(&phase_fsm, &m->phase, next, 0, why);
}

void manager_finish(struct manager *m, int exit_code)
{
    m->exit_code = exit_code;
    m->is_done = true;
}

int manager_exit_code(int rc)
{
    MUST(rc < 0);
    return rc == WERR_NO_FD ? MANAGER_EXIT_NO_FD : MANAGER_EXIT_FAILURE;
}

int manager_fail_start(const char *what, int rc)
{
    log_error(what, LOG_S("error", werr_text(rc)));
    return manager_exit_code(rc);
}
