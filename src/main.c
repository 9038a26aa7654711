/* main.c - picks the role: manager, or one of its workers. */
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "manager/manager.h"
#include "worker/worker_main.h"

int main(int argc, char **argv)
{
    static const struct cli_roles roles = {.manager = manager_main, .worker = worker_main};

    /* A worker is executed by descriptor, which would leave a number as its name. */
    (void)prctl(PR_SET_NAME, "weldr");
    return cli_run(argc, argv, environ, &roles);
}
