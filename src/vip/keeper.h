/* keeper.h - the process that the manager starts before it gives up CAP_NET_ADMIN and
 * CAP_NET_RAW: it keeps the two, and a helper (helper.h) as long as there is something to hold.
 *
 * It forks the helper when the manager says something, and forks another when one was killed:
 * the plan lies in memory that both share, so that the successor goes on where that one was,
 * within milliseconds. A plan with which three helpers in a row die within a second is
 * forgotten; what they held goes by the life that the kernel knows. If the keeper is killed
 * itself, the helper forks, and its process becomes the keeper.
 *
 * It watches over the leases as well: a helper that is stopped lets nothing go, so what is held
 * PLAN_GUARD_NS after its lease is deleted by the keeper. It reads nothing of what the manager
 * says. When the manager is gone it waits a second for the helper to end, and ends, whereupon
 * the kernel wakes a helper that is stopped (SIGCONT).
 */
#ifndef WELDR_VIP_KEEPER_H
#define WELDR_VIP_KEEPER_H

/* manager: the socket to the manager; no other descriptor above the standard ones is open. The
 * exit code of the process, which may be that of the keeper or of any helper. */
int keeper_run(int manager);

#endif
