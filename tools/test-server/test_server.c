/*
 * The demo origin of `make run`, of the integration tests and of `make slow`: a small honest
 * HTTP/1.1 server.
 *
 *   test-server [[IP:]PORT [TEXT]]    PORT 12345 unless told, 0: one that the kernel chooses,
 *                                     shown on stderr; listens on the IPv4 address IP, or on
 *                                     all addresses, IPv4 and IPv6
 *
 *   /        Hello World, or TEXT and a line's end      (text/plain)
 *   /large   about 93 kB of generated text
 *   /huge    a million bytes
 *   else     404
 *
 * One thread, one level-triggered epoll. Each connection has one input buffer for the request
 * head and one output buffer for the answer's; its body is sent from where it lies, however
 * many clients read it slowly. Request bodies (by length or chunked) are read whole and dropped
 * before the answer; pipelined requests are answered in order, reading stops while an answer
 * waits for its client. HEAD is answered like GET without the body. SIGTERM and SIGINT end it
 * with exit code 0, a port in use with one line and exit code 1. It shares no code with Weldr,
 * so that a bug in one is not answered by the same bug in the other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DEFAULT_PORT    12345
#define HEAD_MAX_BYTES  16384
#define LARGE_LINES     1500
#define LARGE_MAX_BYTES (LARGE_LINES * 80)
#define HUGE_BYTES      1000000
#define TEXT_MAX_BYTES  256
#define EVENTS_N        64
#define BACKLOG_N       4096
#define UNSENT_BYTES \
    65536 /* so much of an answer lies in the kernel before its client takes it */

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNK_SIZE, BODY_CHUNK_DATA, BODY_TRAILERS };

struct connection {
    LIST_ENTRY(connection) link;
    int fd;
    enum body_kind body;
    unsigned long long body_left_bytes;
    bool is_closing; /* close once the output is out */
    bool is_waiting; /* registered for writing */
    size_t in_bytes;
    size_t out_bytes;
    size_t out_sent_bytes;
    char *out;
    const struct page *page; /* asked for, to be answered when the request is whole */
    bool is_head;
    bool is_http10;
    const char *rest; /* of the page: behind the output */
    size_t rest_bytes;
    char in[HEAD_MAX_BYTES];
};

struct request {
    bool is_head;
    bool is_http10;
    bool wants_close;
    bool wants_keep_alive;
    bool expects_continue;
    bool is_chunked;
    unsigned long long length_bytes;
    const char *path;
    size_t path_bytes;
};

struct page {
    const char *path;
    const char *status;
    const char *body;
    size_t body_bytes;
};

static LIST_HEAD(, connection) connections = LIST_HEAD_INITIALIZER(connections);

static char large_text[LARGE_MAX_BYTES];
static char huge_text[HUGE_BYTES];

/* The last page has no path: it answers everything else. */
static struct page pages[] = {
    {"/", "200 OK", "Hello World", 11},
    {"/large", "200 OK", large_text, 0},
    {"/huge", "200 OK", huge_text, sizeof(huge_text)},
    {NULL, "404 Not Found", "Not Found\n", 10},
};

static void make_texts(void)
{
    memset(huge_text, 'x', sizeof(huge_text));
    size_t used = 0;
    for (int i = 0; i < LARGE_LINES; i++)
        used += (size_t)snprintf(
            large_text + used, sizeof(large_text) - used,
            "line %04d of the large page: the quick brown fox jumps again\n", i);
    pages[1].body_bytes = used;
}

static const struct page *find_page(const struct request *request)
{
    const struct page *page = pages;
    for (; page->path != NULL; page++) {
        if (strlen(page->path) == request->path_bytes &&
            memcmp(page->path, request->path, request->path_bytes) == 0)
            break;
    }
    return page;
}

/* Appends to the output; false without memory. */
static bool put_output(struct connection *c, const char *bytes, size_t n)
{
    char *grown = realloc(c->out, c->out_bytes + n);
    if (grown == NULL)
        return false;
    memcpy(grown + c->out_bytes, bytes, n);
    c->out = grown;
    c->out_bytes += n;
    return true;
}

/* The request is whole. */
static bool put_answer(struct connection *c)
{
    const struct page *page = c->page;
    const char *connection = c->is_closing  ? "Connection: close\r\n"
                             : c->is_http10 ? "Connection: keep-alive\r\n"
                                            : "";
    char head[256];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %s\r\nServer: weldr-test-server\r\nContent-Type: text/plain\r\n"
                     "Content-Length: %zu\r\n%s\r\n",
                     page->status, page->body_bytes, connection);
    c->page = NULL;
    if (!put_output(c, head, (size_t)n))
        return false;
    c->rest = page->body;
    c->rest_bytes = c->is_head ? 0 : page->body_bytes;
    return true;
}

static void put_bad_request(struct connection *c)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
                                 "Connection: close\r\n\r\n";
    c->is_closing = true;
    c->body = BODY_NONE;
    c->page = NULL;
    (void)put_output(c, answer, sizeof(answer) - 1);
}

static bool is_value(const char *value, const char *word)
{
    return strcasecmp(value, word) == 0;
}

/* One field line, already cut into name and value; false: the message can't be framed. */
static bool take_field(struct request *request, const char *name, const char *value)
{
    if (strcasecmp(name, "content-length") == 0) {
        char *end;
        errno = 0;
        request->length_bytes = strtoull(value, &end, 10);
        return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
    }
    if (strcasecmp(name, "transfer-encoding") == 0) {
        request->is_chunked = true;
        return is_value(value, "chunked");
    }
    if (strcasecmp(name, "connection") == 0) {
        request->wants_close |= is_value(value, "close");
        request->wants_keep_alive |= is_value(value, "keep-alive");
    } else if (strcasecmp(name, "expect") == 0) {
        request->expects_continue = is_value(value, "100-continue");
    }
    return true;
}

static bool read_field(struct request *request, char *line)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return false;
    *colon = '\0';
    char *value = colon + 1;
    value += strspn(value, " \t");
    size_t n = strlen(value);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = '\0';
    return take_field(request, line, value);
}

static bool read_request_line(struct request *request, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL)
        return false;
    *target++ = '\0';
    *version++ = '\0';
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return false;
    request->is_head = strcmp(line, "HEAD") == 0;
    request->is_http10 = version[7] == '0';
    request->path = target;
    request->path_bytes = strcspn(target, "?");
    return true;
}

/* The head is a string that ends with the last CRLF before the empty line. */
static bool read_head(struct request *request, char *head)
{
    bool is_first = true;
    for (char *line = head, *next; *line != '\0'; line = next) {
        char *end = strstr(line, "\r\n");
        if (end == NULL)
            return false;
        next = end + 2;
        *end = '\0';
        bool is_good = is_first ? read_request_line(request, line) : read_field(request, line);
        if (!is_good)
            return false;
        is_first = false;
    }
    return !is_first;
}

static void drop_input(struct connection *c, size_t n)
{
    c->in_bytes -= n;
    memmove(c->in, c->in + n, c->in_bytes);
}

static void start_body(struct connection *c, const struct request *request)
{
    c->page = find_page(request);
    c->is_head = request->is_head;
    c->is_http10 = request->is_http10;
    if (request->is_chunked) {
        c->body = BODY_CHUNK_SIZE;
    } else if (request->length_bytes > 0) {
        c->body = BODY_LENGTH;
        c->body_left_bytes = request->length_bytes;
    }
}

/* Takes one request head from the input. Returns false when more bytes are needed. */
static bool take_request(struct connection *c)
{
    char *end = memmem(c->in, c->in_bytes, "\r\n\r\n", 4);
    if (end == NULL) {
        if (c->in_bytes == sizeof(c->in))
            put_bad_request(c);
        return false;
    }
    size_t head_bytes = (size_t)(end - c->in) + 4;
    end[2] = '\0';
    struct request request = {0};
    if (memchr(c->in, '\0', head_bytes - 2) != NULL || !read_head(&request, c->in)) {
        put_bad_request(c);
        return false;
    }
    c->is_closing = request.wants_close || (request.is_http10 && !request.wants_keep_alive);
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (request.expects_continue && !put_output(c, go_on, sizeof(go_on) - 1))
        c->is_closing = true;
    start_body(c, &request);
    drop_input(c, head_bytes);
    return true;
}

static bool drop_counted(struct connection *c, enum body_kind next)
{
    size_t n = c->in_bytes < c->body_left_bytes ? c->in_bytes : (size_t)c->body_left_bytes;
    drop_input(c, n);
    c->body_left_bytes -= n;
    if (c->body_left_bytes > 0)
        return false;
    c->body = next;
    return true;
}

/* A chunk size line, or a line of the trailers. Returns false when more bytes are needed. */
static bool drop_line(struct connection *c)
{
    char *end = memmem(c->in, c->in_bytes, "\r\n", 2);
    if (end == NULL) {
        if (c->in_bytes == sizeof(c->in))
            put_bad_request(c);
        return false;
    }
    *end = '\0';
    size_t line_bytes = (size_t)(end - c->in);
    if (c->body == BODY_TRAILERS) {
        c->body = line_bytes == 0 ? BODY_NONE : BODY_TRAILERS;
    } else {
        unsigned long long size = strtoull(c->in, NULL, 16);
        c->body = size == 0 ? BODY_TRAILERS : BODY_CHUNK_DATA;
        c->body_left_bytes = size + 2; /* the CRLF after the data */
    }
    drop_input(c, line_bytes + 2);
    return true;
}

static bool take_part(struct connection *c)
{
    switch (c->body) {
    case BODY_NONE:
        return !c->is_closing && take_request(c);
    case BODY_LENGTH:
        return drop_counted(c, BODY_NONE);
    case BODY_CHUNK_DATA:
        return drop_counted(c, BODY_CHUNK_SIZE);
    default:
        return drop_line(c);
    }
}

/* One step over the input; false when it needs more bytes or the connection is closing. */
static bool take_step(struct connection *c)
{
    bool is_taken = take_part(c);
    if (is_taken && c->page != NULL && c->body == BODY_NONE && !put_answer(c))
        c->is_closing = true;
    return is_taken;
}

static void close_connection(struct connection *c)
{
    LIST_REMOVE(c, link);
    close(c->fd);
    free(c->out);
    free(c);
}

static void watch(int epoll_fd, struct connection *c, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    (void)epoll_ctl(epoll_fd, operation, c->fd, &event);
}

static ssize_t send_some(const struct connection *c)
{
    struct iovec parts[] = {
        {.iov_base = c->out + c->out_sent_bytes, .iov_len = c->out_bytes - c->out_sent_bytes},
        {.iov_base = (void *)c->rest, .iov_len = c->rest_bytes},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(c->fd, &message, MSG_NOSIGNAL);
}

/* Sends what waits. Returns false when the connection is broken. */
static bool flush_output(int epoll_fd, struct connection *c)
{
    while (c->out_sent_bytes < c->out_bytes || c->rest_bytes > 0) {
        ssize_t n = send_some(c);
        if (n < 0 && errno == EAGAIN) {
            if (!c->is_waiting)
                watch(epoll_fd, c, EPOLL_CTL_MOD, EPOLLOUT);
            c->is_waiting = true;
            return true;
        }
        if (n < 0)
            return false;
        size_t of_out_bytes = c->out_bytes - c->out_sent_bytes;
        if (of_out_bytes > (size_t)n)
            of_out_bytes = (size_t)n;
        c->out_sent_bytes += of_out_bytes;
        c->rest += (size_t)n - of_out_bytes;
        c->rest_bytes -= (size_t)n - of_out_bytes;
    }
    free(c->out);
    c->out = NULL;
    c->out_bytes = c->out_sent_bytes = 0;
    if (c->is_waiting)
        watch(epoll_fd, c, EPOLL_CTL_MOD, EPOLLIN);
    c->is_waiting = false;
    return true;
}

/* Answers all that the input holds. Returns false when the connection is to be closed. */
static bool work_input(int epoll_fd, struct connection *c)
{
    bool can_go_on = true;
    while (can_go_on && !c->is_waiting) {
        can_go_on = c->in_bytes > 0 && take_step(c);
        if (!flush_output(epoll_fd, c))
            return false;
    }
    return c->is_waiting || !c->is_closing || c->body != BODY_NONE;
}

static bool on_connection(int epoll_fd, struct connection *c, unsigned events)
{
    if (events & EPOLLOUT)
        return flush_output(epoll_fd, c) && work_input(epoll_fd, c);
    if (c->is_waiting)
        return false; /* an error or a hang-up while an answer waits */
    ssize_t n = recv(c->fd, c->in + c->in_bytes, sizeof(c->in) - c->in_bytes, 0);
    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    c->in_bytes += (size_t)n;
    return work_input(epoll_fd, c);
}

static void accept_all(int epoll_fd, int listen_fd)
{
    int fd;
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof(*c));
        if (c == NULL) {
            close(fd);
            return;
        }
        c->fd = fd;
        LIST_INSERT_HEAD(&connections, c, link);
        watch(epoll_fd, c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* One socket for both families; an IPv4 socket for an address, or in a kernel without IPv6. */
static int open_listener(struct in_addr ip, unsigned port)
{
    int on = 1;
    int off = 0;
    int unsent_bytes = UNSENT_BYTES;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in in4 = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = ip};
    int fd = -1;
    if (ip.s_addr == htonl(INADDR_ANY))
        fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool has_ipv6 = fd >= 0;
    if (!has_ipv6)
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
    if (has_ipv6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    const struct sockaddr *address =
        has_ipv6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in4;
    if (bind(fd, address, has_ipv6 ? sizeof(in6) : sizeof(in4)) == 0 &&
        listen(fd, BACKLOG_N) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_in6 address = {0}; /* the port stands at the same place for IPv4 */
    socklen_t size = sizeof(address);
    (void)getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin6_port);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The listener and the signals stand beside the connections in the same epoll. */
static void serve(int epoll_fd, struct connection *listener, struct connection *signals)
{
    struct epoll_event events[EVENTS_N];
    watch(epoll_fd, listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(epoll_fd, signals, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_N, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == signals)
                return;
            if (c == listener)
                accept_all(epoll_fd, listener->fd);
            else if (!on_connection(epoll_fd, c, events[i].events))
                close_connection(c);
        }
    }
}

static void close_all(void)
{
    struct connection *next;
    for (struct connection *c = LIST_FIRST(&connections); c != NULL; c = next) {
        next = LIST_NEXT(c, link);
        close_connection(c);
    }
}

/* [IP:]PORT; cuts the text. */
static bool read_address(char *text, struct in_addr *ip, unsigned *port)
{
    char *end;
    char *colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
        if (inet_pton(AF_INET, text, ip) != 1)
            return false;
        text = colon + 1;
    }
    unsigned long value = strtoul(text, &end, 10);
    *port = (unsigned)value;
    return *text >= '0' && *text <= '9' && *end == '\0' && value <= 65535;
}

/* The first page says this. */
static void set_text(const char *text)
{
    static char line[TEXT_MAX_BYTES];
    pages[0].body_bytes =
        (size_t)snprintf(line, sizeof(line), "%.*s\n", TEXT_MAX_BYTES - 2, text);
    pages[0].body = line;
}

int main(int argc, char **argv)
{
    struct in_addr ip = {.s_addr = htonl(INADDR_ANY)};
    unsigned port = DEFAULT_PORT;
    if (argc > 3 || (argc > 1 && !read_address(argv[1], &ip, &port))) {
        fprintf(stderr, "usage: test-server [[IP:]PORT [TEXT]]\n");
        return 2;
    }
    make_texts();
    if (argc > 2)
        set_text(argv[2]);
    static struct connection listener;
    static struct connection signals;
    listener.fd = open_listener(ip, port);
    if (listener.fd < 0) {
        fprintf(stderr, "test-server: can't listen on port %u: %s\n", port, strerror(errno));
        return 1;
    }
    signals.fd = open_signals();
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (signals.fd < 0 || epoll_fd < 0) {
        fprintf(stderr, "test-server: %s\n", strerror(errno));
        return 1;
    }
    const char *shown = argc > 1 && ip.s_addr != htonl(INADDR_ANY) ? argv[1] : "127.0.0.1";
    fprintf(stderr, "test-server: http://%s:%u\n", shown, bound_port(listener.fd));
    serve(epoll_fd, &listener, &signals);
    close_all();
    return 0;
}
