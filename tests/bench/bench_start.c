// SPDX-License-Identifier: MIT
// From process start to the answer, beside the curl command doing the same exchange.  Usage: bench_start CLI SIM_URL TLS_PORT DIR; DIR holds
// cert.pem and key.pem of localhost.
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "bench.h"

#define ROUNDS 21

struct cost {
    double wall_ms, cpu_ms;
    int status;
};

static double now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static pid_t start(const char *const *argv, int in) {
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        (void)dup2(in >= 0 ? in : null, 0);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static struct cost run(const char *const *argv) {
    struct rusage usage;
    int status = 0;
    const double before = now_ms();
    const pid_t pid = start(argv, -1);
    (void)wait4(pid, &status, 0, &usage);
    const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    return (struct cost){now_ms() - before, cpu, status};
}

static void beside_curl(const char *name, double wall_goal, double cpu_goal, const struct cost *ours,
                        const struct cost *curls, int bad) {
    double ow[ROUNDS], oc[ROUNDS], cw[ROUNDS], cc[ROUNDS];
    char row[96], beside[96];
    for (int i = 0; i < ROUNDS; i++) {
        ow[i] = ours[i].wall_ms;
        oc[i] = ours[i].cpu_ms;
        cw[i] = curls[i].wall_ms;
        cc[i] = curls[i].cpu_ms;
    }
    const double a = bench_median(ow, ROUNDS), b = bench_median(cw, ROUNDS);
    const double c = bench_median(oc, ROUNDS), d = bench_median(cc, ROUNDS);
    if (wall_goal > 0) {
        (void)snprintf(row, sizeof row, "%s: query / curl, wall", name);
        (void)snprintf(beside, sizeof beside, "query %.2f ms, curl %.2f ms%s", a, b,
                       bad ? ", SOME FAILED" : "");
        bench_row(row, a / b, "x", bad ? 0 : wall_goal, beside);
    }
    if (cpu_goal > 0) {
        (void)snprintf(row, sizeof row, "%s: query / curl, CPU", name);
        (void)snprintf(beside, sizeof beside, "query %.2f ms, curl %.2f ms%s", c, d,
                       bad ? ", SOME FAILED" : "");
        bench_row(row, c / d, "x", bad ? 0 : cpu_goal, beside);
    }
}

// ---- an HTTPS server for one answer: openssl's, which sends what it is given --------------------------------------------

static const char answer[] = "{\"id\":\"1\",\"object\":\"chat.completion\",\"model\":\"gpt-4o-mini\","
                             "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                             "\"content\":\"Hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_"
                             "tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

static int listening(const char *port) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(port)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int free_port =
        bind(fd, (struct sockaddr *)&to, sizeof to) == 0; // no connection: the server takes one only
    (void)close(fd);
    return !free_port;
}

static struct cost run_tls(const char *const *client, const char *const *server, const char *port) {
    int feed[2];
    char text[1024];
    const int n =
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                 sizeof answer - 1, answer);
    if (pipe2(feed, O_CLOEXEC) != 0) {
        exit(2);
    }
    const pid_t pid = start(server, feed[0]);
    for (int i = 0; i < 500 && !listening(port); i++) {
        (void)usleep(2000);
    }
    (void)!write(feed[1], text, (size_t)n);
    const struct cost cost = run(client);
    (void)close(feed[0]);
    (void)close(feed[1]);
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
    return cost;
}

int main(int argc, char **argv) {
    struct cost ours[ROUNDS], curls[ROUNDS];
    char url[512], base[256], settings[1024], path[512], bundle[512], cert[512], key[512];
    int bad = 0;
    if (argc != 5) {
        fprintf(stderr, "usage: bench_start CLI SIM_URL TLS_PORT DIR\n");
        return 2;
    }
    char *cli = argv[1];
    static char body[] =
        "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    bench_pin();
    (void)setenv("OPENAI_API_KEY", "sk-bench-0123456789", 1);
    (void)snprintf(url, sizeof url, "%s/v1/chat/completions", argv[2]);
    (void)snprintf(path, sizeof path, "%s/http.json", argv[4]);
    FILE *file = fopen(path, "w");
    (void)snprintf(settings, sizeof settings, "{\"base_urls\":{\"openai\":\"%s/v1\"}}", argv[2]);
    if (file == NULL || fputs(settings, file) < 0 || fclose(file) != 0) {
        return 2;
    }
    const char *query[] = {cli,           "--config", path,          "query", "-q",
                           "--no-stream", "-m",       "gpt-4o-mini", "Hello", NULL};
    const char *curl[] = {"curl", "-sS",
                          "-H",   "content-type: application/json",
                          "-H",   "authorization: Bearer sk-bench-0123456789",
                          "-d",   body,
                          url,    NULL};
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = run(query);
        curls[i] = run(curl);
        bad |= ours[i].status | curls[i].status;
    }
    beside_curl("start to answer, http", 1.0, 0, ours, curls, bad);

    char tls_path[512];
    (void)snprintf(base, sizeof base, "https://localhost:%s/v1", argv[3]);
    (void)snprintf(url, sizeof url, "%s/chat/completions", base);
    (void)snprintf(bundle, sizeof bundle, "%s/bundle.pem", argv[4]);
    (void)snprintf(cert, sizeof cert, "%s/cert.pem", argv[4]);
    (void)snprintf(key, sizeof key, "%s/key.pem", argv[4]);
    (void)snprintf(tls_path, sizeof tls_path, "%s/https.json", argv[4]);
    file = fopen(tls_path, "w");
    (void)snprintf(settings, sizeof settings, "{\"base_urls\":{\"openai\":\"%s\"},\"ca_file\":\"%s/certs\"}",
                   base, argv[4]);
    if (file == NULL || fputs(settings, file) < 0 || fclose(file) != 0) {
        return 2;
    }
    const char *tls_query[] = {cli,           "--config", tls_path,      "query", "-q",
                               "--no-stream", "-m",       "gpt-4o-mini", "Hello", NULL};
    const char *tls_curl[] = {"curl", "-sS", "--cacert", bundle, "-H", "content-type: application/json",
                              "-d",   body,  url,        NULL};
    const char *server[] = {"openssl", "s_server", "-quiet", "-4",   "-naccept", "1", "-accept",
                            argv[3],   "-cert",    cert,     "-key", key,        NULL};
    bad = 0;
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = run_tls(tls_query, server, argv[3]);
        curls[i] = run_tls(tls_curl, server, argv[3]);
        bad |= ours[i].status | curls[i].status;
    }
    beside_curl("start to answer, verified https", 0, 0.35, ours, curls, bad);
    return bench_missed > 0 ? 1 : 0;
}
