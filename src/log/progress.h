/* progress.h - one line at the bottom of a terminal: what is waited for, and for how long.
 *
 *   draining s-1: 12 requests in flight, 3 s of at most 30 s
 *
 * Only if standard error is a terminal: in a pipe or a file not one byte of it appears. It is
 * shown half a second after it was begun, so that what is quick shows nothing, is written anew
 * in its place four times a second, and is taken off before anything else is printed and at the
 * end. On a terminal that can't do that (TERM=dumb) each state is a line of its own: a text of
 * which digits alone have changed is the same state. In the background nothing is shown, for
 * the terminal is somebody else's then. Writing never waits (nowait.h).
 *
 * A process has one, for it has one terminal. log.c takes it off before each line.
 */
#ifndef WELDR_LOG_PROGRESS_H
#define WELDR_LOG_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_AFTER_MS = 500, PROGRESS_EVERY_MS = 250, PROGRESS_TEXT_MAX = 256 };

/* Before this, and where standard error is no terminal, the others do nothing. guards: a signal
 * that ends the process takes the line off first; not for a process that has handlers. */
void progress_open(bool guards);
void progress_close(void);
bool progress_is_open(void);

/* From now on this is what is waited for; limit_s: for so long at most, 0: nobody knows. When
 * something else was waited for just before, the line stays where it is. */
void progress_begin(unsigned limit_s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool progress_is_begun(void);
/* What is known of it now; "": nothing. */
void progress_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Shows what is so now, if it is time for that; to be called every PROGRESS_EVERY_MS. */
void progress_tick(void);
/* Takes it off until the next tick. */
void progress_hide(void);
void progress_end(void);

/* The line in so many columns; a longer one is cut and ends with "...". Control characters are
 * "?", and a character beyond ASCII counts two columns. Returns its length. Pure. */
size_t progress_print(char *line, size_t size, const char *text, unsigned columns);

#endif
