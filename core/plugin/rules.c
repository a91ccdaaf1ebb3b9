// SPDX-License-Identifier: MIT
#include "plugin/rules.h"

#include "llm_store.h"

#define ENTRY_PREFIX "llm_provider_entry_v"
#define STORE_ENTRY_PREFIX "llm_store_entry_v"

// Patterns of DT_NEEDED names that every plugin may have.
static const char *const libraries[] = {
    "libc.so*",        "libm.so*",        "libmvec.so*",   "libpthread.so*", "libdl.so*",
    "librt.so*",       "libgcc_s.so*",    "libstdc++.so*", "ld-linux*.so*",  "ld64.so*",
    "linux-vdso*.so*", "libc.musl-*.so*", "ld-musl-*.so*",
#if LLM_SANITIZED // a plugin from the same build needs the same run-time
    "libasan.so*",     "libubsan.so*",    "libtsan.so*",   "liblsan.so*",    "libclang_rt.*",
#endif
};

// Names that linkers define in every object.
static const char *const linker_names[] = {"_init", "_fini", "__bss_start", "_edata", "_end"};

bool llm_rules_is_common_library(llm_str name) {
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (llm_str_glob(llm_str_from(libraries[i]), name)) {
            return true;
        }
    }
    return false;
}

static llm_status check_library(llm_str name, const struct llm_manifest *manifest, struct llm_reason *why) {
    if (name.ptr != NULL &&
        (llm_rules_is_common_library(name) || llm_manifest_lists_library(manifest, name))) {
        return LLM_OK;
    }
    return llm_refuse(why,
                      "it needs the library %.*s: link that in statically, or list it in the manifest's "
                      "needs.libraries",
                      LLM_FMT(name));
}

// "$ORIGIN", "$ORIGIN/x:$ORIGIN/y": nothing that lies elsewhere, nothing empty (which is the current directory).
bool llm_rules_is_below_origin(llm_str path) {
    for (;;) {
        const char *colon = path.len > 0 ? memchr(path.ptr, ':', path.len) : NULL;
        const llm_str part = {path.ptr, colon != NULL ? (size_t)(colon - path.ptr) : path.len};
        llm_str rest;
        if (llm_str_starts(part, LLM_STR("$ORIGIN"))) {
            rest = llm_str_cut(part, sizeof "$ORIGIN" - 1);
        } else if (llm_str_starts(part, LLM_STR("${ORIGIN}"))) {
            rest = llm_str_cut(part, sizeof "${ORIGIN}" - 1);
        } else {
            return false;
        }
        if (rest.len > 0 && (rest.ptr[0] != '/' || llm_str_glob(LLM_STR("*/..*"), rest))) {
            return false;
        }
        if (colon == NULL) {
            return true;
        }
        path = llm_str_cut(path, part.len + 1);
    }
}

static llm_status check_dynamic(struct llm_elf *elf, const struct llm_manifest *manifest,
                                bool *ret_uses_origin, struct llm_reason *why) {
    *ret_uses_origin = false;
    for (size_t i = 0; i < elf->n_dynamic; i++) {
        const int64_t tag = elf->dynamic[i].d_tag;
        const bool is_library = tag == DT_NEEDED || tag == DT_AUXILIARY || tag == DT_FILTER;
        const bool is_path = tag == DT_RPATH || tag == DT_RUNPATH;
        if (!is_library && !is_path && tag != DT_SONAME) {
            continue;
        }
        const llm_str text = llm_elf_string(elf, elf->dynamic[i].d_un.d_val);
        if (is_library) {
            const llm_status status = check_library(text, manifest, why);
            if (status != LLM_OK) {
                return status;
            }
        } else if (is_path) {
            if (text.len == LLM_ELF_STRING_BYTES || !llm_rules_is_below_origin(text)) {
                return llm_refuse(
                    why, "it looks for libraries in %.*s: link it without -rpath, or with $ORIGIN only",
                    LLM_FMT(text));
            }
            *ret_uses_origin = true;
        } else if (llm_rules_is_common_library(
                       text)) { // others that need this library would get the plugin instead
            return llm_refuse(why, "it calls itself %.*s: link it without -soname", LLM_FMT(text));
        }
    }
    return LLM_OK;
}

bool llm_rules_is_linker_name(llm_str name) {
    for (size_t i = 0; i < sizeof linker_names / sizeof linker_names[0]; i++) {
        if (llm_str_is(name, linker_names[i])) {
            return true;
        }
    }
#if LLM_SANITIZED
    return llm_str_starts(name, LLM_STR("__odr_asan")) || llm_str_starts(name, LLM_STR("__asan_")) ||
           llm_str_starts(name, LLM_STR("__sanitizer_")) || llm_str_starts(name, LLM_STR("__sancov"));
#else
    return false;
#endif
}

struct exports {
    llm_str prefix;     // of the entry's name
    uint64_t own_major; // behind it
    bool has_entry;
    uint64_t other_major; // 0: none
};

static llm_status check_symbol(struct llm_elf *elf, const struct llm_elf_symbol *symbol,
                               struct exports *exports, struct llm_reason *why) {
    const bool is_visible = symbol->visibility == STV_DEFAULT || symbol->visibility == STV_PROTECTED;
    if (symbol->bind == STB_LOCAL || symbol->name.len == 0) {
        return LLM_OK;
    }
    if (!symbol->is_defined) {
        if (llm_str_starts(symbol->name, LLM_STR("llm_"))) {
            return llm_refuse(why,
                              "it wants the symbol %.*s from the core: a plugin gets what it needs through "
                              "llm_host and includes only sdk/",
                              LLM_FMT(symbol->name));
        }
        return LLM_OK;
    }
    if (!is_visible || llm_rules_is_linker_name(symbol->name)) {
        return LLM_OK;
    }
    uint64_t major = 0;
    if (!llm_str_starts(symbol->name, exports->prefix) ||
        !llm_str_uint(llm_str_cut(symbol->name, exports->prefix.len), UINT32_MAX, &major)) {
        return llm_refuse(why, "it exports %.*s besides its entry: compile it with -fvisibility=hidden",
                          LLM_FMT(symbol->name));
    }
    if (major != exports->own_major) {
        exports->other_major = major;
        return LLM_OK;
    }
    if (symbol->type != STT_FUNC || !llm_elf_is_in(elf, symbol->value, PF_X)) {
        return llm_refuse(why, "%.*s is not a function: define it as its header in sdk/ declares it",
                          LLM_FMT(symbol->name));
    }
    exports->has_entry = true;
    return LLM_OK;
}

llm_status llm_rules_check(struct llm_elf *elf, const struct llm_manifest *manifest, bool *ret_uses_origin,
                           struct llm_reason *why) {
    static const unsigned majors[] = {LLM_ABI_MAJOR, LLM_STORE_ABI_MAJOR};
    const bool is_store = manifest->store.ptr != NULL;
    struct exports exports = {
        .prefix = is_store ? LLM_STR(STORE_ENTRY_PREFIX) : LLM_STR(ENTRY_PREFIX),
        .own_major = majors[is_store],
    };
    llm_status status = check_dynamic(elf, manifest, ret_uses_origin, why);
    for (uint32_t i = 1; status == LLM_OK && i < elf->n_symbols; i++) {
        struct llm_elf_symbol symbol;
        if (!llm_elf_symbol(elf, i, &symbol)) {
            return llm_refuse(why, "symbol %u lies outside the file: it is damaged, copy it again", i);
        }
        status = check_symbol(elf, &symbol, &exports, why);
    }
    if (status != LLM_OK || exports.has_entry) {
        return status;
    }
    if (exports.other_major != 0) {
        return llm_refuse(why, "it has the entry of ABI %u; this core has ABI %u: use %s",
                          (unsigned)exports.other_major, (unsigned)exports.own_major,
                          exports.other_major > exports.own_major ? "a newer core"
                                                                  : "a newer version of the plugin");
    }
    return llm_refuse(why, "it does not export %.*s%u: define the entry as its header in sdk/ declares it",
                      LLM_FMT(exports.prefix), (unsigned)exports.own_major);
}
