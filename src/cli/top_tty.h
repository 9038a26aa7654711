/* top_tty.h - the terminal of `weldr top`: taken over, and given back whatever happens.
 *
 * It is opened anew (/dev/tty), so that it can be written to without waiting while the shell's
 * own descriptors stay as they are. Keys come unlined and unechoed; signals of the terminal
 * (Ctrl-C, Ctrl-Z) stay. The alternate screen keeps what stood there. It is given back at the
 * end, before a stop, and by a handler when the process crashes; only SIGKILL and SIGSTOP leave
 * it as it is, of which the second is repaired when the process goes on.
 *
 * One at a time: the handler has no other way to find it.
 */
#ifndef WELDR_CLI_TOP_TTY_H
#define WELDR_CLI_TOP_TTY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

/* Opens it, takes it over, and has crashes give it back. WERR_NOT_FOUND: there is none. */
int top_tty_open(void) MUST_USE;
/* Gives it back. */
void top_tty_close(void);
int top_tty_fd(void); /* to be polled */
/* Gives it back, stops the process as Ctrl-Z does, and takes it over again when it goes on. */
void top_tty_stop(void);
/* The same after a stop that was not told before. */
void top_tty_again(void);
/* Rows and columns; 24 and 80 when the terminal does not say. */
void top_tty_size(unsigned *row_n, unsigned *column_n);
/* Writes what it takes now; returns how much. WERR_CLOSED: it is gone. */
int top_tty_write(struct span bytes, size_t *written) MUST_USE;
/* Returns how much was read, 0: nothing is there. WERR_CLOSED: it is gone. */
int top_tty_read(char *buf, size_t size) MUST_USE;

#endif
