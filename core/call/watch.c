// SPDX-License-Identifier: MIT
// Directories are watched, and for those that do not exist the nearest one above them.  Programs write a file in many ways: by rename, in pieces, by
// a link that is turned; so a change counts once nothing has come for a while, and what it means is found out by reading everything again.
#include "call/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"

#define QUIET_US 200000u     // nothing has come for so long: it is done
#define PATIENCE_US 2000000u // somebody writes on and on: look now
#define INTERESTS_MAX 4096u

#define MASK                                                                                                 \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB | IN_MODIFY |          \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

// A name, or all names with an ending, in a watched directory.
struct interest {
    int wd;
    bool by_link; // names that begin with ".." too: a link in the path is turned that way
    const char *suffix;
    char *name; // NULL: by suffix
};

struct llm_watch {
    struct llm_master *master;
    pthread_t thread;
    int inotify_fd, stop_fd;
    struct interest *list;
    size_t n, cap;
    char said[sizeof((llm_error *)0)->message]; // why nothing was changed the last time; "": it was
    char lost[sizeof((llm_error *)0)->message]; // what could not be watched
};

// ---- what is watched -------------------------------------------------------------------------------------------------

struct plan {
    struct llm_watch *watch;
    struct interest *list;
    size_t n, cap;
    llm_status status;
    llm_error *err;
};

static void plan_fail(struct plan *plan, llm_status status, const char *message) {
    if (plan->status == LLM_OK) {
        plan->status = llm_fail(plan->err, status, "%s", message);
    }
}

// The watch of a directory; -1: it cannot be watched, and that may be so.
static int watch_dir(struct plan *plan, const char *path) {
    const int wd = inotify_add_watch(plan->watch->inotify_fd, path, MASK);
    if (wd < 0 && errno == ENOSPC) {
        plan_fail(plan, LLM_E_LIMIT,
                  "the kernel watches no more directories for this user: raise fs.inotify.max_user_watches");
    } else if (wd < 0 && errno == ENOMEM) {
        plan_fail(plan, LLM_E_NOMEM, "out of memory");
    }
    return wd;
}

static void add_interest(struct plan *plan, struct interest interest) {
    void *list = plan->list;
    if (plan->n >= INTERESTS_MAX || !llm_mem_grow(&list, plan->n, &plan->cap, sizeof *plan->list)) {
        plan_fail(plan, LLM_E_NOMEM, "out of memory");
        llm_mem_free(interest.name);
        return;
    }
    plan->list = list;
    plan->list[plan->n++] = interest;
}

// That `path` appears, goes or is replaced: in the nearest directory above it that exists.
static void watch_name(struct plan *plan, const char *path, bool by_link) {
    char above[PATH_MAX];
    if (snprintf(above, sizeof above, "%s", path) >= (int)sizeof above) {
        return;
    }
    for (char *slash = strrchr(above, '/'); slash != NULL; slash = strrchr(above, '/')) {
        char *name = llm_mem_dup(llm_str_from(slash + 1));
        if (name == NULL) {
            plan_fail(plan, LLM_E_NOMEM, "out of memory");
            return;
        }
        *slash = '\0';
        const int wd = watch_dir(plan, above[0] != '\0' ? above : "/");
        if (wd >= 0) {
            add_interest(plan, (struct interest){wd, by_link, NULL, name});
            return;
        }
        llm_mem_free(name);
    }
}

static bool is_other_path(const char *path, char real[PATH_MAX]) {
    return realpath(path, real) != NULL && strcmp(path, real) != 0;
}

static void watch_all_in(struct plan *plan, const char *path, const char *suffix) {
    char real[PATH_MAX];
    const bool by_link = is_other_path(path, real);
    const int wd = watch_dir(plan, path);
    if (wd >= 0) {
        add_interest(plan, (struct interest){wd, true, suffix, NULL});
    }
    watch_name(plan, path, by_link);
}

static void watch_file(struct plan *plan, const char *path) {
    char real[PATH_MAX];
    const bool by_link = is_other_path(path, real);
    watch_name(plan, path, by_link);
    if (by_link) {
        watch_name(plan, real, false);
    }
}

static void plan_for(struct plan *plan, const struct llm_settings *s) {
    for (size_t i = 0; s->plugin_dirs[i] != NULL; i++) {
        watch_all_in(plan, s->plugin_dirs[i], ".so");
    }
    for (size_t i = 0; s->provider_dirs[i] != NULL; i++) {
        watch_all_in(plan, s->provider_dirs[i], ".json");
    }
    for (size_t i = 0; s->model_dirs[i] != NULL; i++) {
        watch_all_in(plan, s->model_dirs[i], ".json");
    }
    const char *const users[] = {s->user_provider_dir, s->user_model_dir};
    for (size_t i = 0; i < 2; i++) {
        if (users[i] != NULL) {
            watch_all_in(plan, users[i], ".json");
        }
    }
    if (s->config_file.ptr != NULL) {
        watch_file(plan, s->config_file.ptr);
    }
}

static bool has_wd(const struct interest *list, size_t n, int wd) {
    for (size_t i = 0; i < n; i++) {
        if (list[i].wd == wd) {
            return true;
        }
    }
    return false;
}

static void free_list(struct interest *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        llm_mem_free(list[i].name);
    }
    llm_mem_free(list);
}

// Watch what the snapshot of now was read from.  *ret_new: a directory is watched that was not before.
static llm_status look_again(struct llm_watch *w, bool *ret_new, llm_error *err) {
    struct plan plan = {.watch = w, .err = err};
    struct llm_snapshot *snapshot = llm_master_snapshot(w->master);
    plan_for(&plan, &snapshot->settings);
    llm_snapshot_unref(snapshot);
    *ret_new = false;
    for (size_t i = 0; i < plan.n; i++) {
        *ret_new = *ret_new || !has_wd(w->list, w->n, plan.list[i].wd);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (!has_wd(plan.list, plan.n, w->list[i].wd)) {
            (void)inotify_rm_watch(w->inotify_fd, w->list[i].wd);
        }
    }
    free_list(w->list, w->n);
    w->list = plan.list;
    w->n = plan.n;
    w->cap = plan.cap;
    return plan.status;
}

// ---- what happened ---------------------------------------------------------------------------------------------------

static bool ends_with(llm_str name, const char *suffix) {
    const size_t n = strlen(suffix);
    return name.len > n && name.ptr[0] != '.' && memcmp(name.ptr + name.len - n, suffix, n) == 0;
}

static bool matters(const struct llm_watch *w, const struct inotify_event *event) {
    const llm_str name = llm_str_from(event->len > 0 ? event->name : "");
    if ((event->mask & IN_IGNORED) != 0) {
        return false; // we, or the kernel after IN_DELETE_SELF
    }
    if ((event->mask & (uint32_t)(IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
        return true;
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct interest *in = &w->list[i];
        const bool fits = in->name != NULL ? llm_str_is(name, in->name) : ends_with(name, in->suffix);
        if (in->wd == event->wd && (fits || (in->by_link && llm_str_starts(name, LLM_STR(".."))))) {
            return true;
        }
    }
    return false;
}

enum news { NOTHING, WRITING, CHANGED };

static enum news read_events(struct llm_watch *w) {
    _Alignas(struct inotify_event) char buf[16384];
    enum news news = NOTHING;
    ssize_t n;
    while ((n = read(w->inotify_fd, buf, sizeof buf)) > 0) {
        for (const char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            at += sizeof *event + event->len;
            if (matters(w, event)) {
                const enum news one = (event->mask & IN_MODIFY) != 0 ? WRITING : CHANGED;
                news = one > news ? one : news;
            }
        }
    }
    return news;
}

// false: there may be more to see at once.  A failure is told once, not at each look.
static bool serve(struct llm_watch *w) {
    bool is_new = false, more = false;
    llm_error lost = LLM_ERROR_INIT, err = LLM_ERROR_INIT;
    // Before it is read: what is written from now on is seen.
    if (look_again(w, &is_new, &lost) != LLM_OK && strcmp(w->lost, lost.message) != 0) {
        llm_master_log(w->master, LLM_LOG_WARN, "watch: not everything is watched any more: %s",
                       lost.message);
    }
    (void)snprintf(w->lost, sizeof w->lost, "%s", lost.message);
    if (llm_master_read_again(w->master, w->said, &err) != LLM_OK) {
        (void)snprintf(w->said, sizeof w->said, "%s", err.message);
        return true;
    }
    w->said[0] = '\0';
    (void)look_again(w, &more, &lost); // the settings may name other directories now
    return !more;
}

static void *watch_main(void *arg) {
    struct llm_watch *w = arg;
    struct pollfd fds[] = {{.fd = w->inotify_fd, .events = POLLIN}, {.fd = w->stop_fd, .events = POLLIN}};
    uint64_t first_us = llm_clock_us(), last_us = first_us; // 0: nothing is to be done
    for (;;) {
        int wait_ms = -1;
        if (first_us != 0) {
            const uint64_t now = llm_clock_us();
            const uint64_t quiet = last_us + QUIET_US, late = first_us + PATIENCE_US;
            const uint64_t at = quiet < late ? quiet : late;
            wait_ms = at > now ? (int)((at - now + 999) / 1000) : 0;
        }
        const int n = poll(fds, 2, wait_ms);
        if ((fds[1].revents & POLLIN) != 0) {
            return NULL;
        }
        if (n < 0 && errno != EINTR) {
            return NULL;
        }
        if (n > 0) {
            const enum news news = read_events(w);
            const uint64_t now = llm_clock_us();
            first_us = first_us == 0 && news == CHANGED ? now : first_us;
            last_us = news != NOTHING ? now : last_us;
        } else if (n == 0 && first_us != 0) {
            first_us = serve(w) ? 0 : llm_clock_us();
            last_us = first_us;
        }
    }
}

// ---- life ------------------------------------------------------------------------------------------------------------

static void watch_destroy(struct llm_watch *w) {
    if (w->inotify_fd >= 0) {
        (void)close(w->inotify_fd);
    }
    if (w->stop_fd >= 0) {
        (void)close(w->stop_fd);
    }
    free_list(w->list, w->n);
    llm_mem_free(w);
}

static llm_status begin(struct llm_watch *w, llm_error *err) {
    bool is_new;
    w->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->inotify_fd < 0) {
        return llm_fail(err, LLM_E_LIMIT,
                        "the kernel gives no more watchers (%s): raise fs.inotify.max_user_instances or the "
                        "limit of open files",
                        strerror(errno));
    }
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->stop_fd < 0) {
        return llm_fail(err, LLM_E_LIMIT, "no descriptor is left");
    }
    const llm_status status = look_again(w, &is_new, err);
    if (status != LLM_OK) {
        return status;
    }
    // Signals are for the host's own threads.
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&w->thread, NULL, watch_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? LLM_OK : llm_fail(err, LLM_E_LIMIT, "no thread is left to watch with");
}

llm_status llm_watch_new(struct llm_master *master, struct llm_watch **ret, llm_error *err) {
    struct llm_watch *w = llm_mem_new(sizeof *w);
    if (w == NULL) {
        return llm_fail(err, LLM_E_NOMEM, "out of memory");
    }
    w->master = master;
    w->inotify_fd = w->stop_fd = -1;
    const llm_status status = begin(w, err);
    if (status != LLM_OK) {
        watch_destroy(w);
        return status;
    }
    *ret = w;
    return LLM_OK;
}

void llm_watch_free(struct llm_watch *w) {
    if (w == NULL) {
        return;
    }
    const uint64_t one = 1;
    (void)!write(w->stop_fd, &one, sizeof one);
    (void)pthread_join(w->thread, NULL);
    watch_destroy(w);
}
