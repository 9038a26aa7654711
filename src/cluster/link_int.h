/* link_int.h - what the files of the link share: link.c (its life, receiving), link_send.c,
 * link_proof.c (certificates, hello, roster). */
#ifndef WELDR_CLUSTER_LINK_INT_H
#define WELDR_CLUSTER_LINK_INT_H

#include "cluster/link.h"

enum { LINK_MAGIC = 0x6c6b };

/* ---- link_send.c ---- */

/* As much of what waits as the peer takes. */
void link_send_pieces(struct link *l);
void link_drop_pieces(struct link *l);
/* Out, or behind what waits. */
int link_put(struct link *l, struct span head, struct span body) MUST_USE;

/* ---- link_proof.c ---- */

struct tlsio_context *link_tls_context(struct conn *c);
void link_tls_peer(struct conn *c, struct tlsio_peer_name *peer);
/* Of who is no member yet. */
int link_join_context(struct span authority, struct tlsio_context **context) MUST_USE;
/* After the handshake: what it is for. WERR_UNSUPPORTED: nothing was agreed on. */
int link_find_use(struct link *l) MUST_USE;
/* is_farewell: to one that was removed. */
void link_say_hello(struct link *l, bool is_farewell);
/* Is the peer who it says, and may it be here? Notes whether one of the two was removed.
 * WERR_DENIED, WERR_STALE: of another incarnation; those of hello_read. */
int link_judge_hello(struct link *l, struct span bytes) MUST_USE;
/* What the roster says to a link with this node. */
bool link_may_be(const struct link_self *s, enum link_use use, uint64_t id);

#endif
