/* completion.h - "weldr completion bash|zsh": what a shell completes, and "weldr completion
 * man": the manual page of the commands; all made of commands.def, flags.def and settings.def.
 */
#ifndef WELDR_CLI_COMPLETION_H
#define WELDR_CLI_COMPLETION_H

#include "cli/args.h"

int completion_run(const struct args *args, char *const *env);

#endif
