// SPDX-License-Identifier: MIT
#include "plugin/manifest.h"

#include <inttypes.h>

#include "base/limits.h"
#include "llm_json.h"
#include "llm_store.h"

enum { MANIFEST, ID, VERSION, NAME, ABI, GENERATORS, NEEDS, PERMISSIONS, PROVIDERS, STORE, N_MEMBERS };

static const struct member {
    const char *name;
    char type; // as llm_json_type() gives it
    bool is_required;
    const char *example;
} members[N_MEMBERS] = {
    [MANIFEST] = {"manifest", '0', true, "1"},
    [ID] = {"id", '"', true, "\"com.acme.provider\""},
    [VERSION] = {"version", '"', true, "\"1.0.0\""},
    [NAME] = {"name", '"', false, "\"Acme\""},
    [ABI] = {"abi", '{', true, "{\"major\": 1, \"minor\": 0}"},
    [GENERATORS] = {"generators", '{', false, "{\"chat\": \"chat\"}"},
    [NEEDS] = {"needs", '{', false, "{\"libraries\": []}"},
    [PERMISSIONS] = {"permissions", '[', false, "[]"},
    [PROVIDERS] = {"providers", '[', false, "[]"},
    [STORE] = {"store", '"', false, "\"acme\""},
};

static llm_status pick_members(llm_str text, llm_str values[N_MEMBERS], struct llm_reason *why) {
    for (llm_json_iter it = llm_json_begin(text); llm_json_next(&it);) {
        for (size_t i = 0; i < N_MEMBERS; i++) {
            const char first = it.name.ptr[1]; // most names differ at once
            if ((first != members[i].name[0] && first != '\\') || !llm_json_is(it.name, members[i].name)) {
                continue;
            }
            if (values[i].ptr != NULL) {
                return llm_refuse(why, "manifest: \"%s\" stands there twice: remove one", members[i].name);
            }
            values[i] = it.value;
        }
    }
    if (llm_json_type(values[MANIFEST]) == '0' && !llm_str_is(values[MANIFEST], "1")) {
        return llm_refuse(why, "manifest format %.*s; this core reads format 1: use a newer core",
                          LLM_FMT(values[MANIFEST]));
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        if (values[i].ptr == NULL && members[i].is_required) {
            return llm_refuse(why, "manifest: \"%s\" is missing: write \"%s\": %s", members[i].name,
                              members[i].name, members[i].example);
        }
        if (values[i].ptr != NULL && llm_json_type(values[i]) != members[i].type) {
            return llm_refuse(why, "manifest: \"%s\" has the wrong type: write it like %s", members[i].name,
                              members[i].example);
        }
    }
    return LLM_OK;
}

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool llm_manifest_is_name(llm_str name) {
    for (size_t i = 0; i < name.len; i++) {
        if (!is_word_byte(name.ptr[i]) && name.ptr[i] != '.') {
            return false;
        }
    }
    return name.len > 0 && name.len <= LLM_MAX_NAME_BYTES;
}

// "com.acme.provider": two or more words with dots between them.
static bool is_id(llm_str id) {
    bool has_dot = false, after_dot = true;
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] == '.') {
            if (after_dot) {
                return false;
            }
            has_dot = after_dot = true;
        } else if (is_word_byte(id.ptr[i])) {
            after_dot = false;
        } else {
            return false;
        }
    }
    return has_dot && !after_dot && id.len <= LLM_MAX_NAME_BYTES;
}

// "1.2.3", "1.2.3-rc.1", "1.2.3+build": three numbers, then words.
static bool is_version(llm_str version) {
    size_t dots = 0, digits = 0, i = 0;
    for (; i < version.len; i++) {
        const char c = version.ptr[i];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (c == '.' && digits > 0 && dots < 2) {
            dots++;
            digits = 0;
        } else {
            break;
        }
    }
    if (dots != 2 || digits == 0 || version.len > LLM_MAX_NAME_BYTES) {
        return false;
    }
    if (i == version.len) {
        return true;
    }
    if (version.ptr[i] != '-' && version.ptr[i] != '+') {
        return false;
    }
    for (i++; i < version.len; i++) {
        if (!is_word_byte(version.ptr[i]) && version.ptr[i] != '.' && version.ptr[i] != '+') {
            return false;
        }
    }
    return true;
}

static llm_status check_abi(llm_str abi, int64_t own, struct llm_reason *why) {
    int64_t major = 0;
    const llm_str value = llm_json_get(abi, "major");
    if (!llm_json_int64(value, &major)) {
        return llm_refuse(why, "manifest: \"abi\" has no \"major\": write \"abi\": %s", members[ABI].example);
    }
    if (major != own) {
        return llm_refuse(why, "it needs ABI %" PRId64 "; this core has ABI %" PRId64 ": use %s", major, own,
                          major > own ? "a newer core" : "a newer version of the plugin");
    }
    return LLM_OK;
}

static llm_status check_permissions(llm_str permissions, struct llm_reason *why) {
    const llm_str first = llm_json_at(permissions, 0);
    if (first.ptr == NULL) {
        return LLM_OK;
    }
    return llm_refuse(why, "it asks for the permission %.*s, which this core does not know: use a newer core",
                      LLM_FMT(first));
}

static llm_status check_needs(llm_str needs, const llm_host *host, struct llm_reason *why) {
    const llm_str interfaces = llm_json_get(needs, "host_interfaces");
    const llm_str libraries = llm_json_get(needs, "libraries");
    if ((interfaces.ptr != NULL && llm_json_type(interfaces) != '[') ||
        (libraries.ptr != NULL && llm_json_type(libraries) != '[')) {
        return llm_refuse(
            why, "manifest: \"needs\" has a member of the wrong type: lists of strings are expected");
    }
    for (llm_json_iter it = llm_json_begin(interfaces); llm_json_next(&it);) {
        char id[LLM_MAX_NAME_BYTES + 1];
        const size_t len = llm_json_decode(it.value, id, LLM_MAX_NAME_BYTES);
        if (len > LLM_MAX_NAME_BYTES) {
            return llm_refuse(why, "manifest: \"host_interfaces\" holds %.*s: strings are expected",
                              LLM_FMT(it.value));
        }
        id[len] = '\0';
        if (host->get_interface == NULL || host->get_interface(host->ctx, id) == NULL) {
            return llm_refuse(
                why, "it needs the host interface %s, which this core does not offer: use a newer core", id);
        }
    }
    for (llm_json_iter it = llm_json_begin(libraries); llm_json_next(&it);) {
        const llm_str name = llm_json_plain(it.value);
        if (name.ptr == NULL || name.len == 0 || memchr(name.ptr, '/', name.len) != NULL) {
            return llm_refuse(
                why, "manifest: \"libraries\" holds %.*s: file names like \"libz.so.1\" are expected",
                LLM_FMT(it.value));
        }
    }
    return LLM_OK;
}

static llm_status check_generators(llm_str generators, struct llm_reason *why) {
    for (llm_json_iter it = llm_json_begin(generators); llm_json_next(&it);) {
        if (!llm_manifest_is_name(llm_json_plain(it.name)) ||
            !llm_manifest_is_name(llm_json_plain(it.value))) {
            return llm_refuse(
                why, "manifest: the generator %.*s: %.*s is no pair of names like \"chat\": \"chat\"",
                LLM_FMT(it.name), LLM_FMT(it.value));
        }
    }
    return LLM_OK;
}

llm_status llm_manifest_read(llm_str text, const llm_host *host, struct llm_manifest *ret,
                             struct llm_reason *why) {
    uint64_t levels[(LLM_MAX_MANIFEST_DEPTH + 63) / 64] = {0};
    size_t at = 0;
    const int bad = llm_json_judge(text, LLM_MAX_MANIFEST_DEPTH, levels, &at);
    if (bad != LLM_JSON_VALID) {
        return llm_refuse(why,
                          "manifest: no valid JSON at byte %zu of %zu (%s): correct it and compile again", at,
                          text.len, llm_json_bad_text(bad));
    }
    text = llm_json_value(text);
    if (llm_json_type(text) != '{') {
        return llm_refuse(why, "manifest: it is no JSON object: write {\"manifest\": 1, ...}");
    }
    llm_str values[N_MEMBERS] = {{NULL, 0}};
    llm_status status = pick_members(text, values, why);
    if (status != LLM_OK) {
        return status;
    }
    *ret = (struct llm_manifest){
        .id = llm_json_plain(values[ID]),
        .version = llm_json_plain(values[VERSION]),
        .name = values[NAME],
        .generators = values[GENERATORS],
        .libraries = llm_json_get(values[NEEDS], "libraries"),
    };
    if (!is_id(ret->id)) {
        return llm_refuse(why, "manifest: the id %.*s is not like %s", LLM_FMT(values[ID]),
                          members[ID].example);
    }
    if (!is_version(ret->version)) {
        return llm_refuse(why, "manifest: the version %.*s is not like %s", LLM_FMT(values[VERSION]),
                          members[VERSION].example);
    }
    if (values[STORE].ptr != NULL) {
        ret->store = llm_json_plain(values[STORE]);
        if (!llm_manifest_is_name(ret->store)) {
            return llm_refuse(why, "manifest: the store %.*s is no name: write it like %s",
                              LLM_FMT(values[STORE]), members[STORE].example);
        }
    }
    const int64_t majors[] = {LLM_ABI_MAJOR, LLM_STORE_ABI_MAJOR}; // they only happen to be the same today
    const int64_t own = majors[ret->store.ptr != NULL];
    if ((status = check_abi(values[ABI], own, why)) != LLM_OK ||
        (status = check_permissions(values[PERMISSIONS], why)) != LLM_OK ||
        (status = check_needs(values[NEEDS], host, why)) != LLM_OK) {
        return status;
    }
    return check_generators(values[GENERATORS], why);
}

bool llm_manifest_lists_library(const struct llm_manifest *manifest, llm_str name) {
    for (llm_json_iter it = llm_json_begin(manifest->libraries); llm_json_next(&it);) {
        if (llm_str_eq(llm_json_plain(it.value), name)) {
            return true;
        }
    }
    return false;
}
