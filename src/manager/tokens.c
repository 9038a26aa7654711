#include "manager/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/seal.h"
#include "base/strb.h"
#include "log/log.h"

/* 64 lines of tokens as long as they may be are more; nobody has such. */
enum { FILE_BYTES_MAX = 64 * 1024 };

/* What is being loaded. */
struct load {
    struct tokens *tokens;
    char *error;
    size_t error_size;
};

static int start_anew(struct tokens *t)
{
    unsigned char key[SECRET_BYTES];

    if (getrandom(key, sizeof(key), 0) != sizeof(key))
        return WERR_IO;
    secrets_init(&t->secrets, key);
    return 0;
}

static int add(struct tokens *t, struct span name, enum token_role role, struct span text)
{
    const int rc = secrets_add(&t->secrets, text);

    if (rc < 0)
        return rc;
    struct token *token = &t->list[t->secrets.n - 1];

    token->role = (uint8_t)role;
    return span_to_str(name, token->name, sizeof(token->name));
}

/* ---- one token ---- */

static int add_admin(struct tokens *t, struct span text)
{
    const struct span token = span_trim_lines(text);

    if (memchr(token.ptr, '\0', token.len) != NULL)
        return WERR_INVALID;
    const int rc = add(t, SPAN("admin"), TOKEN_ADMIN, token);

    return rc == WERR_EXISTS ? 0 : rc; /* of file and environment: the same one twice */
}

/* ---- files ---- */

static void warn_of_mode(int fd, const char *flag, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IRWXO) != 0)
        log_warn("others may read or write a file with tokens", LOG_S("flag", flag),
                 LOG_S("file", path), LOG_S("next", "chmod o= FILE"));
}

/* Bytes read, at most size; what is longer fills the buffer. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < size) {
        n = read(fd, buf + len, size - len);
        len += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? n : (ssize_t)len;
}

static int read_file(const struct load *l, const char *flag, const char *path, struct span *buf)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0)
        n = read_all(fd, (char *)buf->ptr, buf->len);
    const int saved = errno;

    if (fd >= 0) {
        warn_of_mode(fd, flag, path);
        (void)close(fd);
    }
    if (n >= 0 && (size_t)n < buf->len) {
        buf->len = (size_t)n;
        return 0;
    }
    snprintf(l->error, l->error_size, "%s: can't read %s: %s", flag, path,
             n < 0 ? werr_text(werr_from_errno(saved)) : "it is too long");
    return WERR_INVALID;
}

static int load_one(const struct load *l, const char *path)
{
    char text[2 * SECRET_MAX]; /* more than a token, so that one too long is seen */
    struct span read = {text, sizeof(text)};
    int rc = read_file(l, "--admin-token-file", path, &read);

    if (rc < 0)
        return rc;
    rc = add_admin(l->tokens, read);
    explicit_bzero(text, sizeof(text));
    if (rc < 0)
        snprintf(l->error, l->error_size,
                 "--admin-token-file: %s holds no token of 1 to %d bytes", path, SECRET_MAX);
    return rc < 0 ? WERR_INVALID : 0;
}

static bool has_name(const struct tokens *t, struct span name)
{
    for (unsigned i = 0; i < t->secrets.n; i++)
        if (span_is_equal(span_from_str(t->list[i].name), name))
            return true;
    return false;
}

/* What is wrong with it, or NULL. */
static const char *take_line(struct tokens *t, const struct token_line *line)
{
    if (has_name(t, line->name))
        return "the name is there already";
    switch (add(t, line->name, line->role, line->token)) {
    case 0:
        return NULL;
    case WERR_EXISTS:
        return "the token is there already, under another name";
    case WERR_TOO_BIG:
        return "there may be at most 64 tokens";
    default:
        return "the token is too long";
    }
}

static int take_lines(const struct load *l, const char *path, struct span text)
{
    const unsigned before = l->tokens->secrets.n;
    struct token_file f;
    struct token_line line;
    int rc;

    token_file_init(&f, text);
    while ((rc = token_file_next(&f, &line)) > 0) {
        f.wrong = take_line(l->tokens, &line);
        if (f.wrong != NULL) {
            rc = WERR_INVALID;
            break;
        }
    }
    if (rc < 0)
        snprintf(l->error, l->error_size, "--admin-tokens-file: %s line %u: %s", path, f.line_n,
                 f.wrong);
    else if (l->tokens->secrets.n == before)
        snprintf(l->error, l->error_size, "--admin-tokens-file: %s holds no token", path);
    return rc < 0 || l->tokens->secrets.n == before ? WERR_INVALID : 0;
}

static int load_many(const struct load *l, const char *path)
{
    char text[FILE_BYTES_MAX];
    struct span read = {text, sizeof(text)};
    int rc = read_file(l, "--admin-tokens-file", path, &read);

    if (rc == 0)
        rc = take_lines(l, path, read);
    explicit_bzero(text, sizeof(text));
    return rc;
}

int tokens_load(struct tokens *t, const struct config *config, char *error, size_t error_size)
{
    struct tokens next = {0};
    const struct load l = {&next, error, error_size};
    int rc = start_anew(&next);

    if (rc < 0)
        snprintf(error, error_size, "no randomness");
    else if (config->admin_token_file != NULL)
        rc = load_one(&l, config->admin_token_file);
    else if (config->admin_token != NULL) {
        rc = add_admin(&next, span_from_str(config->admin_token)) < 0 ? WERR_INVALID : 0;
        if (rc < 0)
            snprintf(error, error_size, "WELDR_ADMIN_TOKEN holds no token");
    }
    if (rc == 0 && config->admin_tokens_file != NULL)
        rc = load_many(&l, config->admin_tokens_file);
    if (rc == 0)
        *t = next;
    return rc;
}

bool tokens_have_files(const struct config *config)
{
    return config->admin_token_file != NULL || config->admin_tokens_file != NULL;
}

int tokens_adopt(struct tokens *t, struct span text)
{
    MUST(text.len < TOKENS_GENERATED_MAX && t->generated == NULL);
    t->generated = seal_memory_new(TOKENS_GENERATED_MAX);
    if (t->generated == NULL)
        return WERR_NOMEM;
    memcpy(t->generated, text.ptr, text.len);
    return add_admin(t, text);
}

int tokens_generate(struct tokens *t, char *text)
{
    unsigned char random[TOKENS_RANDOM_BYTES];
    struct strb b;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return WERR_IO;
    strb_init(&b, text, TOKENS_GENERATED_MAX);
    for (size_t i = 0; i < sizeof(random); i++)
        strb_addf(&b, "%02x", random[i]);
    return tokens_adopt(t, strb_span(&b));
}

const struct token *tokens_find(const struct tokens *t, struct span shown)
{
    const int found = secrets_find(&t->secrets, shown);

    return found < 0 ? NULL : &t->list[found];
}
