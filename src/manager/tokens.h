/* tokens.h - the bearer tokens of the management API: names, roles, and how each is recognised.
 *
 * From three places, which may be used together: WELDR_ADMIN_TOKEN and --admin-token-file, one
 * token each, of the name "admin" and the role admin; and --admin-tokens-file, many with names
 * and roles (config/token_file.h). Their texts are not kept, see base/secret.h; workers get the
 * same digests for X-Weldr-Explain. A file that others may read is warned of.
 *
 * Owner: struct api_auth. Loaded at start and again at SIGHUP.
 */
#ifndef WELDR_MANAGER_TOKENS_H
#define WELDR_MANAGER_TOKENS_H

#include "base/secret.h"
#include "config/config.h"
#include "config/token_file.h"

enum { TOKENS_RANDOM_BYTES = 32, TOKENS_GENERATED_MAX = 2 * TOKENS_RANDOM_BYTES + 1 };

struct token {
    char name[TOKEN_NAME_MAX + 1];
    uint8_t role; /* enum token_role */
};

struct tokens {
    struct secrets secrets;
    struct token list[SECRETS_MAX]; /* in the order of the secrets */
    char *generated; /* of base/seal.h, for a successor (upgrade.h); NULL: none was made */
};

/* All that the configuration names. WERR_INVALID: a file can't be read, or something in it is
 * wrong; error gets a sentence without any token, and t stays as it was. WERR_IO: no
 * randomness. */
int tokens_load(struct tokens *t, const struct config *config, char *error,
                size_t error_size) MUST_USE;
/* Are there files that may have changed? */
bool tokens_have_files(const struct config *config);
/* Makes a token "admin" by chance; its text goes to a buffer of TOKENS_GENERATED_MAX. WERR_IO.
 */
int tokens_generate(struct tokens *t, char *text) MUST_USE;
/* The same of one that was made before. WERR_NOMEM. */
int tokens_adopt(struct tokens *t, struct span text) MUST_USE;
/* NULL: nobody's. */
const struct token *tokens_find(const struct tokens *t, struct span shown);

#endif
