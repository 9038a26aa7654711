/* heir.h - this process takes the place of another Weldr: the side of the new one in an upgrade
 * (upgrade.h).
 *
 * The start is that of any Weldr with a pause in it: when flags and files with tokens are found
 * good, HELLO is said, and all that the predecessor hands over is received, up to GO, which is
 * waited for in place, for nothing else is to be done. Then the directory is nobody's, the
 * listening sockets are in the table of net/inherited.h, and the start goes on. When all
 * workers serve READY is said. What workers of the predecessor count while they drain it tells
 * until it ends (TOTALS), and what it told last stays.
 *
 * A predecessor that ends before GO ends this start; one that ends later does not matter.
 * Owner: the manager.
 */
#ifndef WELDR_MANAGER_HEIR_H
#define WELDR_MANAGER_HEIR_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/succession.h"
#include "net/loop.h"

enum { HEIR_WAIT_MS = 30000 /* for each message until GO */ };

struct manager;

struct heir {
    struct manager *m;
    int fd;          /* to the predecessor; -1: there is none, or none any more */
    bool is_heir;    /* there was one */
    bool is_watched; /* watch is set */
    struct loop_watch watch;
    struct succession_node node;
    /* of base/seal.h; NULL: not told */
    char *seal, *tickets, *token;
    size_t tickets_bytes;
    /* without a directory; NULL: a directory has it. Taken by the engine. */
    char *snapshot;
    size_t snapshot_bytes;
    uint64_t snapshot_index;
    bool has_snapshot;
};

/* Before anything else looks at the environment. */
void heir_init(struct heir *h, struct manager *m);
void heir_fini(struct heir *h);
/* Steps of the start, which do nothing without a predecessor: 0 or the exit code, told in the
 * log. Before there are workers' slots: receives all. */
int heir_receive(struct manager *m);
/* … sockets of slots that are not wanted now … */
int heir_add_slots(struct manager *m);
/* … when the rooms are there: settings of the node, keys. */
int heir_furnish(struct manager *m);
/* All workers serve. */
void heir_say_ready(struct manager *m);
/* The description came with the sockets: what flags say of it plays no part. */
bool heir_has_snapshot(const struct manager *m);
/* … and it is the engine's, which goes on from there. */
void heir_give_snapshot(struct manager *m);
/* It has not ended yet. */
bool heir_has_predecessor(const struct manager *m);

#endif
