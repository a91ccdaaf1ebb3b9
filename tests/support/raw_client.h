// SPDX-License-Identifier: MIT
// A client that sends bytes as they are and keeps the bytes that come back: for tests of servers.
#ifndef LLM_TEST_RAW_CLIENT_H
#define LLM_TEST_RAW_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct raw_client {
    int fd;
    size_t len;         // bytes received
    bool ended;         // the other side closed in order
    bool broken;        // it reset the connection
    char text[1 << 20]; // NUL-terminated
};

static inline bool raw_open(struct raw_client *client, unsigned port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->len = 0;
    client->ended = client->broken = false;
    client->text[0] = '\0';
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return client->fd >= 0 && connect(client->fd, (struct sockaddr *)&at, sizeof at) == 0;
}

static inline void raw_close(struct raw_client *client) {
    close(client->fd);
    client->fd = -1;
}

static inline bool raw_send(struct raw_client *client, const void *p, size_t n) {
    // Not even an empty send: it would take the error of a reset away from the read that follows.
    return n == 0 || send(client->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static inline bool raw_say(struct raw_client *client, const char *text) {
    return raw_send(client, text, strlen(text));
}

// Read once.  false: nothing within that time, or the end.
static inline bool raw_read(struct raw_client *client, int timeout_ms) {
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    if (client->ended || client->broken || poll(&ready, 1, timeout_ms) <= 0) {
        return false;
    }
    const ssize_t n = recv(client->fd, client->text + client->len, sizeof client->text - 1 - client->len, 0);
    if (n > 0) {
        client->len += (size_t)n;
        client->text[client->len] = '\0';
        return true;
    }
    client->ended = n == 0;
    client->broken = n < 0 && errno == ECONNRESET;
    return false;
}

// Read until the text holds what, or 2 s pass without a byte.
static inline bool raw_until(struct raw_client *client, const char *what) {
    while (strstr(client->text, what) == NULL) {
        if (!raw_read(client, 2000)) {
            return false;
        }
    }
    return true;
}

// Read to the end, or until 2 s pass without a byte.
static inline void raw_all(struct raw_client *client) {
    while (raw_read(client, 2000)) {
    }
}

// Forget what was received.
static inline void raw_forget(struct raw_client *client) {
    client->len = 0;
    client->text[0] = '\0';
}

#endif
