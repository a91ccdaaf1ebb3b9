// SPDX-License-Identifier: MIT
// Tests 1 to 12: what the file says, without running any of it.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "llm_json.h"
#include "plugin/rules.h"
#include "validator.h"

#define GLIBC_MAJOR 2
#define GLIBC_MINOR 34 // what distributions that are still looked after have at least

void check_test_elf(struct check *check) {
    (void)check_file(check);
}

static bool is_entry(llm_str name) {
    uint64_t major;
    static const llm_str prefix = LLM_STR_INIT("llm_provider_entry_v");
    return llm_str_starts(name, prefix) && llm_str_uint(llm_str_cut(name, prefix.len), UINT32_MAX, &major);
}

void check_test_exports(struct check *check) {
    bool has_entry = false;
    if (!check_file(check)) {
        return;
    }
    for (uint32_t i = 1; i < check->elf.n_symbols; i++) {
        struct llm_elf_symbol s;
        if (!llm_elf_symbol(&check->elf, i, &s)) {
            check_fail(check, "symbol %u lies outside the file", i);
            return;
        }
        if (!s.is_defined || s.bind == STB_LOCAL || s.name.len == 0 ||
            (s.visibility != STV_DEFAULT && s.visibility != STV_PROTECTED) ||
            llm_rules_is_linker_name(s.name)) {
            continue;
        }
        if (!is_entry(s.name)) {
            check_fail(check, "it exports %.*s", LLM_FMT(s.name));
            return;
        }
        if (s.type != STT_FUNC) {
            check_fail(check, "%.*s is not a function", LLM_FMT(s.name));
            return;
        }
        has_entry = has_entry || llm_str_is(s.name, "llm_provider_entry_v1");
    }
    if (!has_entry) {
        check_fail(check, "it does not export llm_provider_entry_v1");
    }
}

void check_test_undefined(struct check *check) {
    if (!check_file(check)) {
        return;
    }
    for (uint32_t i = 1; i < check->elf.n_symbols; i++) {
        struct llm_elf_symbol s;
        if (llm_elf_symbol(&check->elf, i, &s) && !s.is_defined && llm_str_starts(s.name, LLM_STR("llm_"))) {
            check_fail(check, "it wants %.*s from the core", LLM_FMT(s.name));
        }
    }
}

void check_test_needed(struct check *check) {
    if (!check_file(check)) {
        return;
    }
    for (size_t i = 0; i < check->elf.n_dynamic; i++) {
        const int64_t tag = check->elf.dynamic[i].d_tag;
        if (tag != DT_NEEDED && tag != DT_AUXILIARY && tag != DT_FILTER) {
            continue;
        }
        const llm_str name = llm_elf_string(&check->elf, check->elf.dynamic[i].d_un.d_val);
        if (name.ptr == NULL ||
            (!llm_rules_is_common_library(name) && !llm_manifest_lists_library(&check->facts, name))) {
            check_fail(check, "it needs %.*s", LLM_FMT(name));
        } else if (llm_str_starts(name, LLM_STR("libstdc++")) || llm_str_starts(name, LLM_STR("libgcc_s"))) {
            check_note(
                check,
                "%.*s is linked dynamically: -static-libstdc++ -static-libgcc makes it run in more places",
                LLM_FMT(name));
        }
    }
}

// Program headers, which the reader does not keep.
static bool has_segment(struct check *check, uint32_t type) {
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    bool found = false;
    if (!llm_elf_read(&check->elf, 0, &head, sizeof head) || head.e_phentsize != sizeof segment) {
        return false;
    }
    for (size_t i = 0; !found && i < head.e_phnum; i++) {
        found = llm_elf_read(&check->elf, head.e_phoff + i * sizeof segment, &segment, sizeof segment) &&
                segment.p_type == type;
    }
    return found;
}

static const ElfW(Dyn) * dynamic(struct check *check, int64_t tag) {
    for (size_t i = 0; i < check->elf.n_dynamic; i++) {
        if (check->elf.dynamic[i].d_tag == tag) {
            return &check->elf.dynamic[i];
        }
    }
    return NULL;
}

static uint64_t dynamic_value(struct check *check, int64_t tag) {
    const ElfW(Dyn) *entry = dynamic(check, tag);
    return entry != NULL ? entry->d_un.d_val : 0;
}

void check_test_search_path(struct check *check) {
    if (!check_file(check)) { // text relocations and executable stacks are refused there
        return;
    }
    for (size_t i = 0; i < check->elf.n_dynamic; i++) {
        const int64_t tag = check->elf.dynamic[i].d_tag;
        if (tag == DT_RPATH || tag == DT_RUNPATH) {
            const llm_str path = llm_elf_string(&check->elf, check->elf.dynamic[i].d_un.d_val);
            if (path.ptr == NULL || !llm_rules_is_below_origin(path)) {
                check_fail(check, "it looks for libraries in %.*s", LLM_FMT(path));
            }
        }
        if (tag == DT_SONAME) {
            const llm_str name = llm_elf_string(&check->elf, check->elf.dynamic[i].d_un.d_val);
            if (name.ptr == NULL || llm_rules_is_common_library(name)) {
                check_fail(check, "it calls itself %.*s: link it without -soname", LLM_FMT(name));
            }
        }
    }
    const bool now = (dynamic_value(check, DT_FLAGS) & DF_BIND_NOW) != 0 ||
                     dynamic(check, DT_BIND_NOW) != NULL ||
                     (dynamic_value(check, DT_FLAGS_1) & DF_1_NOW) != 0;
    if (!check_failed(check) && (!now || !has_segment(check, PT_GNU_RELRO))) {
        check_note(check, "link it with -Wl,-z,relro,-z,now: its tables then cannot be written to");
    }
}

static uint64_t file_offset(struct check *check, uint64_t vaddr) {
    for (size_t i = 0; i < check->elf.n_loads; i++) {
        const struct llm_elf_segment *s = &check->elf.loads[i];
        if (vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz) {
            return s->at + (vaddr - s->vaddr);
        }
    }
    return UINT64_MAX;
}

// The function in this slot of the table; 0: it cannot be told.
static uint64_t slot_function(struct check *check, uint64_t slot) {
    const uint64_t at = file_offset(check, dynamic_value(check, DT_RELA));
    const uint64_t count = dynamic_value(check, DT_RELASZ) / sizeof(ElfW(Rela));
    for (uint64_t i = 0; at != UINT64_MAX && i < count && i < 1000000; i++) {
        ElfW(Rela) r;
        if (!llm_elf_read(&check->elf, at + i * sizeof r, &r, sizeof r)) {
            return 0;
        }
        if (r.r_offset == slot) { // one with a symbol: whatever that is
            return r.r_info >> 32 == 0 && r.r_addend > 0 ? (uint64_t)r.r_addend : 0;
        }
    }
    uint64_t value = 0; // packed relocations: the address stands in the slot
    return llm_elf_read(&check->elf, file_offset(check, slot), &value, sizeof value) ? value : 0;
}

// Does this function put its arguments into variables of the file, and nothing else?  Rust's std has one of that kind, so that
// std::env::args() works.  Judged by its code: sign extension of the first argument, stores to addresses in a segment that can be
// written, return.  Other machines than x86-64: not known.
static bool only_keeps_arguments(struct check *check, uint64_t function) {
#if defined(__x86_64__)
    static const uint8_t extend[] = {0x48, 0x63, 0xc7}; // movslq %edi, %rax
    uint8_t code[32] = {0};
    const uint64_t at = file_offset(check, function);
    size_t n = 0;
    if (function == 0 || at == UINT64_MAX || !llm_elf_is_in(&check->elf, function, PF_X) ||
        !llm_elf_read(&check->elf, at, code, sizeof code)) {
        return false;
    }
    while (n + 7 < sizeof code && code[n] != 0xc3) { // ret
        if (memcmp(code + n, extend, sizeof extend) == 0) {
            n += sizeof extend;
            continue;
        }
        int32_t far;
        memcpy(&far, code + n + 3, sizeof far);
        const uint64_t target = function + n + 7 + (uint64_t)(int64_t)far;
        const uint8_t from =
            code[n + 2]; // mov %rax, %rsi or %rdi to an address relative to the next instruction
        if (code[n] != 0x48 || code[n + 1] != 0x89 || (from != 0x05 && from != 0x35 && from != 0x3d) ||
            !llm_elf_is_in(&check->elf, target, PF_W) || !llm_elf_is_in(&check->elf, target + 7, PF_W)) {
            return false;
        }
        n += 7;
    }
    return code[n] == 0xc3;
#else
    (void)check;
    (void)function;
    return false;
#endif
}

void check_test_constructors(struct check *check) {
    if (!check_file(check)) {
        return;
    }
    for (uint32_t i = 1; i < check->elf.n_symbols; i++) {
        struct llm_elf_symbol s;
        if (llm_elf_symbol(&check->elf, i, &s) && s.is_defined &&
            (s.bind == STB_GNU_UNIQUE || s.type == STT_GNU_IFUNC)) {
            check_fail(check, "%.*s is %s", LLM_FMT(s.name),
                       s.bind == STB_GNU_UNIQUE ? "unique in the process" : "an indirect function");
        }
    }
    const uint64_t n = dynamic_value(check, DT_INIT_ARRAYSZ) / sizeof(void *);
    const uint64_t table = dynamic_value(check, DT_INIT_ARRAY);
    uint64_t harmless = 0;
    for (uint64_t i = 0; n > 1 && i < n && i < 64; i++) {
        harmless += only_keeps_arguments(check, slot_function(check, table + i * sizeof(void *))) ? 1 : 0;
    }
    if (n - harmless > 1) { // one is the toolchain's own
        check_fail(check, "%llu functions run when it is loaded, 1 is the toolchain's",
                   (unsigned long long)(n - harmless));
    }
    if (harmless > 0) {
        check_note(check, "%llu function only keeps the program's arguments, as Rust's std does",
                   (unsigned long long)harmless);
    }
}

void check_test_static_tls(struct check *check) {
    if (check_file(check) && (dynamic_value(check, DT_FLAGS) & DF_STATIC_TLS) != 0) {
        check_fail(check, "DF_STATIC_TLS is set");
    }
}

// "1.2.3": n numbers with dots between them; what follows, NULL: it does not begin so.
static const char *read_numbers(const char *p, uint64_t *ret, size_t n) {
    for (size_t i = 0; p != NULL && i < n; i++) {
        if (i > 0 && *p++ != '.') {
            return NULL;
        }
        p = check_number(p, 10, &ret[i]);
    }
    return p;
}

static void judge_version(struct check *check, llm_str name) {
    uint64_t version[2] = {0, 0};
    char text[64];
    (void)snprintf(text, sizeof text, "%.*s", LLM_FMT(name));
    if (strncmp(text, "GLIBC_", 6) == 0 && read_numbers(text + 6, version, 2) != NULL &&
        (version[0] > GLIBC_MAJOR || (version[0] == GLIBC_MAJOR && version[1] > GLIBC_MINOR))) {
        check_fail(check, "it needs %s", text);
    }
}

void check_test_glibc(struct check *check) {
    if (!check_file(check)) {
        return;
    }
    uint64_t at = file_offset(check, dynamic_value(check, DT_VERNEED));
    const uint64_t count = dynamic_value(check, DT_VERNEEDNUM);
    for (uint64_t i = 0; i < count && i < 64 && at != UINT64_MAX; i++) {
        ElfW(Verneed) need;
        if (!llm_elf_read(&check->elf, at, &need, sizeof need)) {
            return;
        }
        uint64_t aux_at = at + need.vn_aux;
        for (unsigned k = 0; k < need.vn_cnt; k++) {
            ElfW(Vernaux) aux;
            if (!llm_elf_read(&check->elf, aux_at, &aux, sizeof aux)) {
                return;
            }
            judge_version(check, llm_elf_string(&check->elf, aux.vna_name));
            aux_at += aux.vna_next;
        }
        at += need.vn_next;
    }
}

// ---- the manifest ------------------------------------------------------------------------------------------------------

void check_test_note(struct check *check) {
    struct llm_reason why = {""};
    uint64_t at = 0;
    size_t len = 0;
    if (!check_file(check)) {
        return;
    }
    const llm_status status = llm_elf_note(&check->elf, LLM_NOTE_NAME, LLM_NOTE_TYPE, &at, &len, &why);
    if (status == LLM_E_NOT_FOUND) {
        check_fail(check, "there is no note of %s", LLM_NOTE_NAME);
    } else if (status == LLM_OK && check->manifest.ptr == NULL) {
        check_fail(check, "the manifest has %zu bytes, or cannot be read", len);
    } else if (status != LLM_OK ||
               llm_manifest_read(check->manifest, &codec_plain_host, &check->facts, &why) != LLM_OK) {
        check_fail(check, "%s", why.text);
    }
}

static bool is_reversed_domain(llm_str id) {
    bool dot = false, start = true;
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c == '.') {
            dot = true;
        } else if (!letter && (start || (c != '-' && c != '_'))) {
            return false;
        }
        if (c == '.' && start) {
            return false;
        }
        start = c == '.';
    }
    return dot && !start;
}

static bool is_version(llm_str version) {
    char text[64];
    uint64_t numbers[3];
    (void)snprintf(text, sizeof text, "%.*s", LLM_FMT(version));
    const char *end = version.len < sizeof text ? read_numbers(text, numbers, 3) : NULL;
    return end != NULL && (*end == '\0' || *end == '-' || *end == '+');
}

static bool is_safe_url(llm_str url) {
    static const char *const fine[] = {"https://*", "http://127.*", "http://localhost*", "http://\\[::1\\]*",
                                       "http://[::1]*"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (llm_str_glob(llm_str_from(fine[i]), url)) {
            return true;
        }
    }
    return url.len > 0 && url.ptr[0] == '{'; // a variable that the user gives
}

static void judge_provider(struct check *check, llm_str provider) {
    static const char *const schemes[] = {"bearer", "header", "query", "basic", "none"};
    const llm_str name = llm_json_plain(llm_json_get(provider, "name"));
    const llm_str url = llm_json_plain(llm_json_get(provider, "base_url"));
    const llm_str auth = llm_json_get(provider, "auth");
    const llm_str scheme = llm_json_plain(llm_json_get(auth, "scheme"));
    if (name.len == 0) {
        check_fail(check, "a provider has no name");
    }
    if (url.ptr != NULL && !is_safe_url(url)) {
        check_fail(check, "base_url %.*s is neither https nor loopback", LLM_FMT(url));
    }
    bool known = auth.ptr == NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        known = known || llm_str_is(scheme, schemes[i]);
    }
    if (!known) {
        check_fail(check, "the auth scheme of %.*s is unknown", LLM_FMT(name));
    }
    if (auth.ptr != NULL && known && !llm_str_is(scheme, "none") &&
        llm_json_get(auth, "key_env").ptr == NULL) {
        check_fail(check, "auth of %.*s names no variable for the key (key_env)", LLM_FMT(name));
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(provider, "origins")); llm_json_next(&it);) {
        if (!is_safe_url(llm_json_plain(it.value))) {
            check_fail(check, "the origin %.*s is neither https nor loopback", LLM_FMT(it.value));
        }
    }
}

void check_test_manifest(struct check *check) {
    if (!check_file(check)) {
        return;
    }
    if (check->facts.id.ptr == NULL) {
        check_skip(check, "there is no manifest that can be read (test 9 says why)");
        return;
    }
    if (!is_reversed_domain(check->facts.id)) {
        check_fail(check, "id %.*s is no reversed domain such as com.example.provider",
                   LLM_FMT(check->facts.id));
    }
    if (!is_version(check->facts.version)) {
        check_fail(check, "version %.*s is not like 1.2.3", LLM_FMT(check->facts.version));
    }
    if (llm_json_count(check->facts.generators) == 0) {
        check_note(check, "it names no generators: a host has to load it to know what it can do");
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(check->manifest, "providers")); llm_json_next(&it);) {
        judge_provider(check, it.value);
    }
}

// ---- what else is in it --------------------------------------------------------------------------------------------------

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool looks_like(const char *p, const char *end, const char *prefix, size_t min) {
    const size_t n = strlen(prefix);
    size_t more = 0;
    if ((size_t)(end - p) < n + min || memcmp(p, prefix, n) != 0) {
        return false;
    }
    while (p + n + more < end && is_word(p[n + more])) {
        more++;
    }
    return more >= min;
}

void check_test_build_paths(struct check *check) {
    static const struct {
        const char *prefix;
        size_t min;
        const char *what;
    } marks[] = {
        {"/home/", 1, "a path of the machine it was built on"},
        {"/Users/", 1, "a path of the machine it was built on"},
        {"/builds/", 1, "a path of the machine it was built on"},
        {"sk-", 20, "what looks like a key"},
        {"AKIA", 16, "what looks like a key"},
        {"ghp_", 30, "what looks like a token"},
        {"xoxb-", 20, "what looks like a token"},
        {"AIza", 30, "what looks like a key"},
    };
    struct stat st;
    if (!check_file(check) || fstat(check->fd, &st) != 0) {
        return;
    }
    const char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, check->fd, 0);
    if (text == MAP_FAILED) {
        check_untested(check, "cannot map the file");
        return;
    }
    const char *end = text + st.st_size;
    for (const char *p = text; p < end; p++) {
        if ((*p != '/' && *p != 's' && *p != 'A' && *p != 'g' && *p != 'x') || (p > text && is_word(p[-1]))) {
            continue;
        }
        for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
            if (looks_like(p, end, marks[i].prefix, marks[i].min)) {
                check_fail(check, "at byte %td: %s", p - text, marks[i].what);
                return;
            }
        }
    }
}

void check_test_size(struct check *check) {
    struct stat st;
    if (!check_file(check) || fstat(check->fd, &st) != 0) {
        return;
    }
    if (st.st_size > (off_t)20 << 20) {
        check_fail(check, "it has %lld bytes", (long long)st.st_size);
    }
    ElfW(Ehdr) head;
    ElfW(Shdr) section, names;
    if (!llm_elf_read(&check->elf, 0, &head, sizeof head) || head.e_shentsize != sizeof section ||
        !llm_elf_read(&check->elf, head.e_shoff + (uint64_t)head.e_shstrndx * sizeof section, &names,
                      sizeof names)) {
        return; // no section headers: stripped to the bone
    }
    for (size_t i = 0; i < head.e_shnum; i++) {
        char name[16] = "";
        if (llm_elf_read(&check->elf, head.e_shoff + i * sizeof section, &section, sizeof section) &&
            llm_elf_read(&check->elf, names.sh_offset + section.sh_name, name, sizeof ".debug_info") &&
            strncmp(name, ".debug_info", sizeof ".debug_info") == 0) {
            check_fail(check, "it carries debugging information (%lld bytes in all)", (long long)st.st_size);
        }
    }
    check_note(check, "%lld bytes", (long long)st.st_size);
}
