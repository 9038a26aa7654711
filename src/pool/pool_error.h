/* pool_error.h - what is wrong with a wish, in the words of the API.
 *
 * Every refusal names code, field and reason. Filled by whoever reads, checks or judges a
 * command; owner: the caller. Pure.
 */
#ifndef WELDR_POOL_POOL_ERROR_H
#define WELDR_POOL_POOL_ERROR_H

/* What is wrong with a wish, for the API's response. */
struct pool_error {
    const char *code; /* invalid_json, missing_field, unknown_key, invalid_url, invalid_value,
                         read_only, not_found, too_many, moved, exists, in_use, required,
                         would_empty_pool, precondition_failed */
    char field[96];   /* "check.interval_ms"; empty when it concerns the whole */
    char detail[224]; /* a sentence: "interval_ms must be a whole number from 100 to 3600000" */
};

/* The code lives for ever; field and detail are cut at a character boundary. error may be NULL.
 */
void pool_error_set(struct pool_error *error, const char *code, const char *field,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
