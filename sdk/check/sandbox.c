// SPDX-License-Identifier: MIT
// A seccomp filter: what a codec needs passes, all else comes to a signal handler, which writes it down and refuses it.  Files that the
// dynamic linker opens are opened by the handler itself, with a mark in an argument that openat() does not have.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "validator.h"

static char report[512];
static char plugin_path[4096];
static _Atomic int phase = CHECK_LOADING;

const char *check_sandbox_report(void) {
    return report;
}

void check_sandbox_phase(enum check_phase now) {
    atomic_store(&phase, now);
}

#if LLM_SANITIZED || !(defined(__x86_64__) || defined(__aarch64__))

bool check_sandbox(enum check_phase first, const char *plugin, int result_fd) {
    (void)first;
    (void)plugin;
    (void)result_fd;
    (void)plugin_path;
    return false;
}

#else

#define MARK 0x6c6c6dL
#define CALL(nr)                                                                                             \
    { #nr, SYS_##nr }

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define REG(uc, n) ((uc)->uc_mcontext.gregs[n])
static long argument(const ucontext_t *uc, int n) {
    static const int at[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    return (long)uc->uc_mcontext.gregs[at[n]];
}
static void give(ucontext_t *uc, long value) {
    uc->uc_mcontext.gregs[REG_RAX] = value;
}
#else
#define ARCH AUDIT_ARCH_AARCH64
static long argument(const ucontext_t *uc, int n) {
    return (long)uc->uc_mcontext.regs[n];
}
static void give(ucontext_t *uc, long value) {
    uc->uc_mcontext.regs[0] = (unsigned long long)value;
}
#endif

// Names for the report; others are shown by number.
static const struct {
    const char *name;
    long nr;
} names[] = {
    CALL(socket),     CALL(connect),      CALL(sendto),       CALL(recvfrom),  CALL(bind),
    CALL(listen),     CALL(execve),       CALL(openat),       CALL(read),      CALL(write),
    CALL(kill),       CALL(ptrace),       CALL(unlinkat),     CALL(mkdirat),   CALL(chdir),
    CALL(umask),      CALL(pipe2),        CALL(dup),          CALL(ioctl),     CALL(getdents64),
    CALL(clone),      CALL(clone3),       CALL(rt_sigaction), CALL(nanosleep), CALL(clock_nanosleep),
    CALL(newfstatat), CALL(memfd_create), CALL(writev),       CALL(faccessat), CALL(readlinkat),
    CALL(uname),
#ifdef SYS_open
    CALL(open),       CALL(stat),         CALL(access),       CALL(fork),      CALL(vfork),
    CALL(unlink),     CALL(readlink),     CALL(poll),         CALL(select),    CALL(dup2),
    CALL(pipe),
#endif
};

static void put(const char *text) {
    const size_t len = strlen(report), n = strlen(text);
    if (len + n + 1 < sizeof report) {
        memcpy(report + len, text, n + 1);
    }
}

static void put_name(long nr, const char *path) {
    char digits[24];
    size_t at = sizeof digits;
    const char *name = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        name = names[i].nr == nr ? names[i].name : name;
    }
    digits[--at] = '\0';
    for (long n = nr; name == NULL && (n > 0 || at == sizeof digits - 1); n /= 10) {
        digits[--at] = (char)('0' + n % 10);
    }
    put(report[0] != '\0' ? ", " : "");
    put(name != NULL ? name : "system call ");
    put(name != NULL ? "" : digits + at);
    if (path != NULL) {
        put(" ");
        put(path);
    }
}

static bool is_library(const char *path, long flags) {
    static const char *const places[] = {"/lib", "/usr/lib", "/usr/local/lib", "/etc/ld.so."};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    // The linker looks for libraries in the places of LD_LIBRARY_PATH too.
    bool found =
        strcmp(path, plugin_path) == 0 || (strncmp(name, "lib", 3) == 0 && strstr(name, ".so") != NULL);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        found = found || strncmp(path, places[i], strlen(places[i])) == 0;
    }
    return found && (flags & O_ACCMODE) == O_RDONLY && strstr(path, "/..") == NULL;
}

static void on_call(int sig, siginfo_t *info, void *ctx) {
    ucontext_t *uc = ctx;
    const int saved = errno;
    const long nr = info->si_syscall;
    (void)sig;
#ifdef SYS_open
    const bool is_open = nr == SYS_open || nr == SYS_openat;
    const int path_at = nr == SYS_open ? 0 : 1;
#else
    const bool is_open = nr == SYS_openat;
    const int path_at = 1;
#endif
    const char *path = is_open ? (const char *)argument(uc, path_at) : NULL;
    const long flags = is_open ? argument(uc, path_at + 1) : 0;
    if (is_open && atomic_load(&phase) == CHECK_LOADING && is_library(path, flags)) {
        const long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0L, 0L, MARK);
        give(uc, fd < 0 ? -(long)errno : fd);
    } else if (nr == SYS_clone3) {
        give(uc, -ENOSYS); // the C library then uses clone, whose flags can be seen
    } else {
        put_name(nr, path);
        give(uc, -EPERM);
    }
    errno = saved;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)))
#define GIVE(action) BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(nr), 0, 1), GIVE(SECCOMP_RET_ALLOW)
// This call only when argument n is `value`.
#define ALLOW_IF(nr, n, value)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(nr), 0, 4), ARG(n),                                       \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1), GIVE(SECCOMP_RET_ALLOW),               \
        GIVE(SECCOMP_RET_TRAP)

bool check_sandbox(enum check_phase first, const char *plugin, int result_fd) {
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_mprotect),
        ALLOW(SYS_mremap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_brk),
        ALLOW(SYS_futex),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_rt_sigprocmask),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        ALLOW(SYS_close),
        ALLOW(SYS_fstat),
        ALLOW(SYS_pread64),
        ALLOW(SYS_lseek),
        ALLOW(SYS_getpid),
        ALLOW(SYS_gettid),
        ALLOW(SYS_tgkill), // abort()
        ALLOW(SYS_sched_yield),
        ALLOW(SYS_clock_gettime),
        ALLOW(SYS_set_robust_list),
        ALLOW(SYS_rseq),
        ALLOW(SYS_sigaltstack),
        ALLOW(SYS_getrandom),
#ifdef SYS_set_tid_address
        ALLOW(SYS_set_tid_address),
#endif
        // The dynamic linker reads what it has opened; a codec has nothing to read from.
        ALLOW(SYS_read),
        // Threads of this program; a new process is none.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        GIVE(SECCOMP_RET_ALLOW),
        GIVE(SECCOMP_RET_TRAP),
        ALLOW_IF(SYS_write, 0, result_fd),
        ALLOW_IF(SYS_openat, 5, MARK),
#ifdef SYS_newfstatat
        // fstat() of newer C libraries: an empty path on a descriptor.
        ALLOW_IF(SYS_newfstatat, 3, AT_EMPTY_PATH),
#endif
        GIVE(SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    atomic_store(&phase, first);
    (void)snprintf(plugin_path, sizeof plugin_path, "%s", plugin);
    (void)sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#endif
