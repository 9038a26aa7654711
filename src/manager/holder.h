/* holder.h - who listens on a port that we can't have, for the log of a start that fails. Asks
 * /proc; of processes of other users it may tell nothing. */
#ifndef WELDR_MANAGER_HOLDER_H
#define WELDR_MANAGER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOLDER_COMMAND_MAX = 96 };

struct holder {
    pid_t pid;
    char state[2];                    /* as in /proc/PID/stat: "S", "T" (stopped) … */
    char command[HOLDER_COMMAND_MAX]; /* its words, with spaces between */
};

/* Of several that share the socket the one with the lowest number. */
bool holder_find(uint16_t port, struct holder *out);

#endif
