/* main.c - picks the role: manager, one of its workers, or who holds its virtual IPs. */
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "manager/manager_main.h"
#include "manager/offline.h"
#include "vip/vip_main.h"
#include "worker/worker_main.h"

/* Started with one of them closed, a socket would get its number, and the log would go into it.
 */
static void fill_standard_fds(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    static const struct cli_roles roles = {.manager = manager_main,
                                           .worker = worker_main,
                                           .vip_helper = vip_main,
                                           .status = offline_status,
                                           .recover = offline_recover,
                                           .rejoin = offline_rejoin,
                                           .repair = offline_repair,
                                           .level = OFFLINE_LEVEL,
                                           .open_node_key = offline_open_node_key};

    fill_standard_fds();
    /* A worker is executed by descriptor, which would leave a number as its name. */
    (void)prctl(PR_SET_NAME, "weldr");
    return cli_run(argc, argv, environ, &roles);
}
