/* tlsio_random.h - random bytes of the TLS library, drawn in bulk.
 *
 * A handshake asks six times for a few bytes, and each time the library's generator asks the
 * kernel which process this is and makes itself a new key: together a tenth of the handshake's
 * cost. So one draw from that generator, the one that is meant for secrets, serves many
 * handshakes. What was drawn lies in memory that is not dumped, is cleared as it is handed out,
 * and is not there any more in a process that was forked: the kernel clears it
 * (MADV_WIPEONFORK).
 *
 * One thread, like all of Weldr.
 */
#ifndef WELDR_NET_TLSIO_RANDOM_H
#define WELDR_NET_TLSIO_RANDOM_H

/* The library takes its random bytes here from now on; where there is no such memory it draws
 * each time, as it did. Again: nothing. */
void tlsio_random_start(void);

#endif
