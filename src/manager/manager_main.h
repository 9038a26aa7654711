/* manager_main.h - the manager's process: starts it, turns its loop, ends it.
 *
 * struct house is all of it in one piece: struct manager (manager.h) and the rooms above it.
 * manager_main.c alone knows them all: it begins them from below to above (loop, statistics,
 * listeners, API, engine; then start.h goes on in turns of the loop), passes to each what it is
 * told by signals and workers, and ends them in the order in which nothing is missed.
 */
#ifndef WELDR_MANAGER_MANAGER_MAIN_H
#define WELDR_MANAGER_MANAGER_MAIN_H

#include "config/config.h"

/* Runs until it is told to end; returns the exit code (enum manager_exit). */
int manager_main(const struct config *config);

#endif
