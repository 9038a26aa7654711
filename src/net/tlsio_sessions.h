/* tlsio_sessions.h - what is kept of TLS with one server to resume it: cheaper for both.
 *
 * One for each address of a server (a session is of whom one has verified); counted, since
 * connections outlive an address that goes.
 */
#ifndef WELDR_NET_TLSIO_SESSIONS_H
#define WELDR_NET_TLSIO_SESSIONS_H

struct tlsio_sessions;

struct tlsio_sessions *tlsio_sessions_new(void); /* NULL: no memory */
struct tlsio_sessions *tlsio_sessions_get(struct tlsio_sessions *s);
void tlsio_sessions_put(struct tlsio_sessions *s); /* NULL allowed */
/* Forgets them: settings of trust have changed. */
void tlsio_sessions_clear(struct tlsio_sessions *s);

#endif
