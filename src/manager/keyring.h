/* keyring.h - the keys of this node that nobody is told but its workers: the one that private
 * keys of certificates are closed with (base/seal.h), and those of session tickets
 * (net/tlsio_tickets.h).
 *
 * The first is in the data directory (cluster/node_key.h), as later starts open what is kept
 * there; without one it is made by chance, as the others are, when the manager starts. Tickets
 * get a new key every KEYRING_ROTATION_MS, and the last TLSIO_TICKET_KEYS are kept: a session
 * can be resumed for at least two rotations, and a key that is found out is of use for three.
 * The keys lie in memory that no core file shows, and go to the workers with publish.h. Owner:
 * the manager.
 */
#ifndef WELDR_MANAGER_KEYRING_H
#define WELDR_MANAGER_KEYRING_H

#include "base/seal.h"
#include "base/timers.h"
#include "base/werr.h"
#include "net/tlsio_tickets.h"

enum { KEYRING_ROTATION_MS = 12 * 60 * 60 * 1000 };

struct data_dir;
struct loop;
struct publish;

struct keyring {
    struct loop *loop;
    struct publish *publish;
    unsigned char *seal;
    char *tickets; /* the newest key first */
    unsigned ticket_n;
    struct timer rotation;
};

/* dir: keeps the key of private keys; NULL: it ends with this process. WERR_NOMEM, WERR_IO: no
 * randomness; what is wrong with the file of the key is told in the log (node_key.h). */
int keyring_init(struct keyring *k, struct loop *loop, struct publish *publish,
                 const struct data_dir *dir) MUST_USE;
void keyring_fini(struct keyring *k); /* zeroed is allowed */
/* Heap text for the description. WERR_NOMEM, WERR_IO; WERR_TOO_BIG: over SEAL_PLAIN_MAX. */
int keyring_close(const struct keyring *k, struct span plain, char **closed) MUST_USE;
/* Can it be opened? False also for want of memory. */
bool keyring_opens(const struct keyring *k, const char *closed);

#endif
