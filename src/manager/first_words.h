/* first_words.h - what the log says for whoever starts weldr for the first time: variables that
 * it does not know, sockets that a supervisor has passed (net/passed.h), and the command that
 * is needed next. */
#ifndef WELDR_MANAGER_FIRST_WORDS_H
#define WELDR_MANAGER_FIRST_WORDS_H

struct api;
struct manager;

/* Of variables that begin as ours do. */
void first_words_warn(void);
/* Each socket that was passed. */
void first_words_passed(void);
/* Weldr is ready, and which of those sockets nobody uses; with the command that a newcomer
 * needs now. */
void first_words_ready(const struct manager *m, const struct api *api);

#endif
