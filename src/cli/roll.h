/* roll.h - the command "weldr cluster upgrade": all nodes get another Weldr, one after the
 * other.
 *
 * It speaks with one API, whose node asks the others by way of the cluster. First all nodes are
 * looked at, and the file on each of them: until then nothing has changed anywhere. Then node
 * by node: its VIPs go to others, its upgrade is begun, and the next one's turn comes when it
 * serves anew and has all that was agreed on. Followers come first, the node of the API after
 * them, who leads last. At the first node that is not well it stops and says why; what was done
 * stays, and the same command goes on from there. Whoever breaks it off leaves all nodes
 * serving: nothing waits for the command but itself.
 */
#ifndef WELDR_CLI_ROLL_H
#define WELDR_CLI_ROLL_H

#include "cli/args.h"

int roll_run(const struct args *args, char *const *env);

#endif
