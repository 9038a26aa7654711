/* top.h - "weldr top": what the dashboard shows, on a terminal.
 *
 * One loop polls the terminal, the signals and what has been asked of the API (top_fetch.h),
 * and draws a frame when any of them brought something, and once a second. What goes on in it
 * is pure and lies in files of their own: top_keys (bytes to keys), top_ui (what keys do),
 * top_jobs (what to ask, and what becomes of it), top_model over top_list (what is known),
 * top_view (how it looks), top_screen (which bytes change what the terminal shows). The
 * terminal itself is top_tty.
 */
#ifndef WELDR_CLI_TOP_H
#define WELDR_CLI_TOP_H

#include "cli/args.h"

int top_run(const struct args *args, char *const *env);

#endif
