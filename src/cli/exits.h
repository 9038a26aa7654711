/* exits.h - exit codes of what main() calls. */
#ifndef WELDR_CLI_EXITS_H
#define WELDR_CLI_EXITS_H

/* Of commands FAILURE is mostly a refusal of the API, and UNREACHABLE says that nobody responds
 * there, or not the API. */
enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILURE = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_UNREACHABLE = 3
};

#endif
