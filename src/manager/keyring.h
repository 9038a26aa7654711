/* keyring.h - the keys that nobody is told but the workers: the one that private keys of
 * certificates are closed with (base/seal.h), and those of session tickets
 * (net/tlsio_tickets.h).
 *
 * The first is the cluster's key: what is closed with it stands in the description, which all
 * nodes have. It is in the data directory (cluster/member_file.h), closed with the node's own
 * key, and made with it by chance; without a directory it ends with the process. A node that
 * joins a cluster takes that one's key in its place (keyring_take).
 *
 * Keys of tickets change every KEYRING_PERIOD_MS of the wall clock. The shared ones follow from
 * the cluster's key and the number of the period, so all nodes have the same, after a restart
 * too, and nothing is sent from one to the other: that of now, of the next period (for clocks
 * differ) and of the last two. The own ones are by chance, the last TLSIO_TICKET_KEYS, and end
 * with the process. Which sessions have which, and why, is said in net/tlsio_tickets.h.
 *
 * The keys lie in memory that no core file shows, and go to the workers with publish.h. Owner:
 * the manager.
 */
#ifndef WELDR_MANAGER_KEYRING_H
#define WELDR_MANAGER_KEYRING_H

#include "base/seal.h"
#include "base/timers.h"
#include "base/werr.h"
#include "net/tlsio_tickets.h"

enum {
    KEYRING_PERIOD_MS = 12 * 60 * 60 * 1000,
    KEYRING_LOOK_MS = 60 * 60 * 1000 /* the wall clock may have been set */
};

struct data_dir;
struct loop;
struct publish;

struct keyring {
    struct loop *loop;
    struct publish *publish;
    unsigned char *seal;
    struct keyring_tickets *tickets;
    uint64_t period; /* that the keys of tickets are of */
    struct timer look;
};

/* dir: keeps the cluster's key, closed with the one in node_key_file (NULL: node.key of the
 * directory); dir NULL: nothing is kept. WERR_NOMEM, WERR_IO: no randomness; what is wrong with
 * a file is told in the log, and returned (node_key.h, member_file.h). */
int keyring_init(struct keyring *k, struct loop *loop, struct publish *publish,
                 const struct data_dir *dir, const char *node_key_file) MUST_USE;
void keyring_fini(struct keyring *k); /* zeroed is allowed */
/* The key of the cluster that this node has joined (SEAL_KEY_BYTES), in place of its own:
 * k->seal stays where it is, and the workers are told. What was closed before opens no more: so
 * before the first entry of that cluster. */
void keyring_take(struct keyring *k, const unsigned char *key);
/* The own keys of tickets, for a successor: borrowed, until the period is over. */
struct span keyring_own_tickets(const struct keyring *k);
/* … and those of the predecessor in place of ours, with the key that it closes with (NULL: the
 * directory has it). Before the workers are started. */
void keyring_inherit(struct keyring *k, const unsigned char *key, struct span own_tickets);
/* Heap text for the description. WERR_NOMEM, WERR_IO; WERR_TOO_BIG: over SEAL_PLAIN_MAX. */
int keyring_close(const struct keyring *k, struct span plain, char **closed) MUST_USE;
/* Heap text: the cluster's key, closed with the node's own, which is read anew.
 * WERR_UNSUPPORTED: dir is NULL, so there is none; WERR_NOMEM, WERR_IO; what is wrong with the
 * file of that key is told in the log, and returned (node_key.h). */
int keyring_export(const struct keyring *k, const struct data_dir *dir,
                   const char *node_key_file, char **closed) MUST_USE;
/* Can it be opened? False also for want of memory. */
bool keyring_opens(const struct keyring *k, const char *closed);

#endif
