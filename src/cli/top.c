#include "cli/top.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/top_fetch.h"
#include "cli/top_jobs.h"
#include "cli/top_keys.h"
#include "cli/top_tty.h"
#include "cli/top_view.h"

enum { ESC_MS = 50, ONCE_ROWS = 24, ONCE_COLUMNS = 80, ONCE_ROUNDS = 2 };
static const double frame_s = 1; /* times go on, whatever else does not */

struct top {
    struct top_fetch fetch;
    struct top_model model;
    struct top_ui ui;
    struct top_jobs jobs;
    struct top_keys keys;
    struct top_screen screen;
    struct top_bytes out;
    size_t out_at; /* of which the terminal has taken so much */
    int signals;   /* signalfd */
    int ended_by;  /* signal; 0: none */
    bool is_drawn; /* what is known is on its way to the terminal */
    double drawn_s;
};

static double mono_s(void)
{
    return (double)clock_mono_us() / 1e6;
}

static double wall_s(void)
{
    return (double)clock_wall_us() / 1e6;
}

/* ---- where it runs ---- */

/* What setlocale(3) would go by; the Linux console has UTF-8, but no bars in its font. */
static bool has_utf8(char *const *env)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL, *term = session_variable(env, "TERM");

    for (unsigned i = 0; locale == NULL && i < sizeof(names) / sizeof(names[0]); i++)
        locale = session_variable(env, names[i]);
    return locale != NULL &&
           (strcasestr(locale, "utf-8") != NULL || strcasestr(locale, "utf8") != NULL) &&
           (term == NULL || strcmp(term, "linux") != 0);
}

static bool is_terminal(char *const *env)
{
    const char *term = session_variable(env, "TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

/* "0.5"; NAN: it is none, or out of bounds. */
static double read_interval(const char *text)
{
    char *end;
    const double s = strtod(text, &end);

    if (text[strspn(text, "0123456789.")] != '\0' || end == text || *end != '\0')
        return NAN;
    return s >= 0.2 && s <= 3600 ? s : NAN;
}

static unsigned size_from(char *const *env, const char *name, unsigned other)
{
    const char *text = session_variable(env, name);
    const double n =
        text != NULL && text[strspn(text, "0123456789")] == '\0' ? strtod(text, NULL) : 0;

    return n >= 1 && n <= TOP_SCREEN_COLUMNS_MAX ? (unsigned)n : other;
}

/* ---- life ---- */

static struct top *top_new(const struct args *args, char *const *env, double interval_s)
{
    struct top *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->signals = -1;
    t->fetch.fd = t->fetch.child = -1;
    top_model_init(&t->model);
    top_ui_init(&t->ui);
    top_jobs_init(&t->jobs, interval_s);
    top_keys_init(&t->keys);
    top_screen_init(&t->screen, has_utf8(env),
                    args->flag[ARGS_ONCE] == NULL && session_variable(env, "NO_COLOR") == NULL);
    if (args->flag[ARGS_POOL] != NULL)
        top_model_choose_pool(&t->model, args->flag[ARGS_POOL]);
    return t;
}

static void top_free(struct top *t)
{
    top_fetch_end(&t->fetch);
    if (t->signals >= 0)
        (void)close(t->signals);
    top_model_fini(&t->model);
    top_screen_fini(&t->screen);
    top_bytes_fini(&t->out);
    free(t);
}

/* ---- asking ---- */

/* WERR_*: the child that asks is gone. */
static int ask(struct top *t)
{
    char target[TOP_TARGET_BYTES];

    if (!top_jobs_next(&t->jobs, &t->model, &t->ui, mono_s(), target))
        return 0;
    return top_fetch_ask(&t->fetch, target);
}

static int take(struct top *t)
{
    struct top_response r;
    const int rc = top_fetch_take(&t->fetch, &r);

    if (rc <= 0)
        return rc;
    top_jobs_take(&t->jobs, &t->model, &t->ui, r.status, r.text,
                  (struct top_now){mono_s(), wall_s()});
    t->is_drawn = false;
    return 0;
}

/* ---- one screen, for no terminal ---- */

static int run_once(struct top *t, char *const *env)
{
    int rc = top_screen_resize(&t->screen, size_from(env, "LINES", ONCE_ROWS),
                               size_from(env, "COLUMNS", ONCE_COLUMNS));

    /* What is asked depends on what is in sight; rates need two looks. */
    for (unsigned round = 0; rc == 0 && round < ONCE_ROUNDS; round++) {
        top_jobs_look_again(&t->jobs);
        while (rc == 0 && !top_jobs_is_complete(&t->jobs, &t->model, &t->ui)) {
            struct pollfd p = {.fd = t->fetch.fd, .events = POLLIN};

            rc = ask(t);
            const double s = top_jobs_wait(&t->jobs, &t->model, &t->ui, mono_s());
            (void)poll(&p, 1, isfinite(s) ? (int)ceil(s * 1000) : -1);
            if (rc == 0 && p.revents != 0)
                rc = take(t);
            top_view_draw(&t->screen, &t->model, &t->ui, wall_s());
        }
    }
    if (rc < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(rc));
    if (t->model.link.is_down)
        return CLI_EXIT_UNREACHABLE;
    if (t->model.link.problem[0] != '\0')
        return CLI_EXIT_FAILURE;
    top_screen_print(&t->screen, stdout);
    return shown_end(0);
}

/* ---- the loop ---- */

static void on_key(void *arg, enum top_key key, uint32_t c)
{
    struct top *t = arg;

    top_ui_key(&t->ui, &t->model, key, c);
    /* The next key may be for what this one has brought about. */
    if (t->ui.is_stale && top_ui_arrange(&t->ui, &t->model) < 0)
        t->ui.is_over = true;
    t->is_drawn = false;
}

static int read_keys(struct top *t)
{
    char buf[512];
    const int n = top_tty_read(buf, sizeof(buf));

    if (n < 0)
        return n;
    if (n > 0)
        top_keys_feed(&t->keys, span_from(buf, (size_t)n), on_key, t);
    return 0;
}

static int fit_screen(struct top *t)
{
    unsigned row_n, column_n;

    top_tty_size(&row_n, &column_n);
    t->is_drawn = false;
    return top_screen_resize(&t->screen, row_n, column_n);
}

/* What was on its way to the terminal is for a screen that is no more. */
static int begin_anew(struct top *t)
{
    t->out.len = t->out_at = 0;
    top_screen_forget(&t->screen);
    return fit_screen(t);
}

static int hear_signal(struct top *t)
{
    struct signalfd_siginfo info;

    if (read(t->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    switch (info.ssi_signo) {
    case SIGWINCH:
        return fit_screen(t);
    case SIGTSTP:
        top_tty_stop();
        return begin_anew(t);
    case SIGCONT:
        top_tty_again();
        return begin_anew(t);
    default:
        t->ended_by = (int)info.ssi_signo;
        return 0;
    }
}

/* A frame goes out whole before the next one is drawn: a slow terminal gets fewer of them. */
static int show(struct top *t)
{
    const double now = mono_s();
    size_t written;

    if (t->ui.wants_redraw)
        top_screen_forget(&t->screen);
    if (t->out.len == 0 && (!t->is_drawn || now >= t->drawn_s + frame_s)) {
        top_view_draw(&t->screen, &t->model, &t->ui, wall_s());
        top_screen_diff(&t->screen, &t->out);
        t->ui.wants_redraw = false;
        t->is_drawn = true;
        t->drawn_s = now;
    }
    if (t->out.len == 0)
        return 0;
    const int rc =
        top_tty_write(span_from(t->out.buf + t->out_at, t->out.len - t->out_at), &written);
    t->out_at += written;
    if (t->out_at == t->out.len) {
        t->out.len = t->out_at = 0;
        t->out.is_lost = false;
    }
    return rc;
}

static int wait_ms(const struct top *t)
{
    const double now = mono_s();
    double s = top_jobs_wait(&t->jobs, &t->model, &t->ui, now);

    if (t->out.len == 0)
        s = fmin(s, t->is_drawn ? fmax(0, t->drawn_s + frame_s - now) : 0);
    if (top_keys_is_waiting(&t->keys))
        s = fmin(s, ESC_MS / 1000.0);
    return isfinite(s) ? (int)ceil(s * 1000) : -1;
}

static int turn(struct top *t)
{
    struct pollfd p[] = {
        {.fd = top_tty_fd(), .events = (short)(POLLIN | (t->out.len > 0 ? POLLOUT : 0))},
        {.fd = t->signals, .events = POLLIN},
        {.fd = t->fetch.fd, .events = POLLIN},
    };
    int rc = 0;

    if (poll(p, 3, wait_ms(t)) < 0 && errno != EINTR)
        return werr_from_errno(errno);
    if (p[1].revents != 0)
        rc = hear_signal(t);
    if (rc == 0 && (p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        rc = read_keys(t);
    else if (rc == 0 && top_keys_is_waiting(&t->keys))
        top_keys_rest(&t->keys, on_key, t);
    if (rc == 0 && p[2].revents != 0)
        rc = take(t);
    if (rc == 0)
        rc = ask(t);
    return rc == 0 ? show(t) : rc;
}

static int run_screen(struct top *t)
{
    int rc = top_tty_open();

    if (rc < 0)
        return session_fail(CLI_EXIT_FAILURE,
                            "there is no terminal here: /dev/tty can't be used");
    rc = fit_screen(t);
    while (rc == 0 && !t->ui.is_over && t->ended_by == 0)
        rc = turn(t);
    top_tty_close();
    if (rc < 0)
        return session_fail(CLI_EXIT_FAILURE, "top has ended: %s", werr_text(rc));
    return CLI_EXIT_OK;
}

/* Signals are read by the loop; only the terminal's own keys have been pressed by then. */
static int hold_signals(struct top *t, sigset_t *before)
{
    static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
    sigset_t set;

    (void)sigemptyset(&set);
    for (unsigned i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        (void)sigaddset(&set, held[i]);
    (void)sigprocmask(SIG_BLOCK, &set, before);
    t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return t->signals >= 0 ? 0 : werr_from_errno(errno);
}

/* Whoever waits for the process hears which signal has ended it; of Ctrl-C nobody does: it is a
 * way to quit. */
static void end_by(int signal_number)
{
    if (signal_number == 0 || signal_number == SIGINT)
        return;
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static int run(struct top *t, const struct args *args, char *const *env)
{
    sigset_t before;
    struct session s;
    int code = session_open(&s, args, env);

    if (code != CLI_EXIT_OK)
        return code;
    const int rc = top_fetch_start(&t->fetch, &s.api);
    if (rc < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(rc));
    if (args->flag[ARGS_ONCE] != NULL) {
        code = run_once(t, env);
        if (code == CLI_EXIT_UNREACHABLE)
            return session_fail(code, "the API at %s: %s", s.place, t->model.link.why);
        if (code == CLI_EXIT_FAILURE && t->model.link.problem[0] != '\0')
            return session_fail(code, "the API responds %s", t->model.link.problem);
        return code;
    }
    if (hold_signals(t, &before) < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NO_FD));
    code = run_screen(t);
    top_fetch_end(&t->fetch);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    end_by(t->ended_by);
    return code;
}

int top_run(const struct args *args, char *const *env)
{
    const char *interval = args->flag[ARGS_INTERVAL];
    const double interval_s = interval != NULL ? read_interval(interval) : 1;

    if (isnan(interval_s))
        return session_fail(CLI_EXIT_USAGE, "--interval %s: seconds from 0.2 to 3600",
                            interval);
    if (args->flag[ARGS_JSON] != NULL)
        return session_fail(CLI_EXIT_USAGE, "--json: top shows screens; for scripts there are "
                                            "weldr stats --json and weldr server ls --json");
    if (args->flag[ARGS_ONCE] == NULL && !is_terminal(env))
        return session_fail(CLI_EXIT_USAGE,
                            "top needs a terminal; weldr top --once prints one screen, and for "
                            "scripts there are weldr stats and weldr server ls, with --json");
    struct top *t = top_new(args, env, interval_s);
    if (t == NULL)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
    const int code = run(t, args, env);
    top_free(t);
    return code;
}
