// SPDX-License-Identifier: MIT
#include "plugin/adopt.h"

#include "base/limits.h"
#include "llm_json.h"
#include "plugin/manifest.h"

// ---- stubs for what a plugin leaves out -------------------------------------------------------------------

static llm_status LLM_CALL no_init(const llm_host *host, void **plugin) {
    (void)host;
    *plugin = NULL;
    return LLM_OK;
}

static void LLM_CALL no_shutdown(void *plugin) {
    (void)plugin;
}

static llm_status LLM_CALL no_instance_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                           llm_str *message) {
    (void)plugin;
    (void)args;
    (void)message;
    *ret = NULL;
    return LLM_OK;
}

static void LLM_CALL no_instance_free(llm_instance *inst) {
    (void)inst;
}

static const void *LLM_CALL no_interface(const char *id) {
    (void)id;
    return NULL;
}

static llm_status LLM_CALL no_head(llm_job *job, const llm_head *head, const llm_out *out) {
    (void)job;
    (void)head;
    (void)out;
    return LLM_OK;
}

static llm_status LLM_CALL no_fail(llm_job *job, const llm_head *head, const llm_bytes *body,
                                   llm_fault *fault) {
    (void)job;
    (void)head;
    (void)body;
    (void)fault;
    return LLM_OK;
}

// ---- tables ------------------------------------------------------------------------------------------------

// Copy a table that begins with its size; min: up to its last mandatory member.
static llm_status copy_table(void *ours, size_t size, const void *theirs, size_t min, const char *what,
                             struct llm_reason *why) {
    uint32_t stated = 0;
    memcpy(&stated, theirs, sizeof stated);
    if (stated < min || stated > LLM_MAX_TABLE_BYTES) {
        return llm_refuse(why, "%s has size %u, it must be %zu to %u: set it to sizeof", what, stated, min,
                          LLM_MAX_TABLE_BYTES);
    }
    memcpy(ours, theirs, stated < size ? stated : size);
    const uint32_t own = (uint32_t)size;
    memcpy(ours, &own, sizeof own);
    return LLM_OK;
}

// Text of the plugin, NUL-terminated within LLM_MAX_NAME_BYTES; absent: not so.
static llm_str bounded(const char *text) {
    const size_t len = text != NULL ? strnlen(text, LLM_MAX_NAME_BYTES + 1) : 0;
    return len > LLM_MAX_NAME_BYTES ? (llm_str){NULL, 0} : (llm_str){text, len};
}

static llm_status check_text(const char *what, const char *theirs, llm_str expected, struct llm_reason *why) {
    const llm_str text = bounded(theirs);
    if (text.ptr != NULL && llm_str_eq(text, expected)) {
        return LLM_OK;
    }
    return llm_refuse(why, "its descriptor says %s %.*s, its manifest %.*s: make them equal", what,
                      LLM_FMT(text.ptr != NULL ? text : LLM_STR("(nothing)")), LLM_FMT(expected));
}

static llm_status adopt_codec(const llm_codec *theirs, const char *name, llm_codec *ours,
                              struct llm_reason *why) {
    const llm_status status =
        copy_table(ours, sizeof *ours, theirs, LLM_END(llm_codec, end), "its llm_codec", why);
    if (status != LLM_OK) {
        return status;
    }
    const char *missing = ours->open == NULL     ? "open"
                          : ours->close == NULL  ? "close"
                          : ours->encode == NULL ? "encode"
                          : ours->data == NULL   ? "data"
                          : ours->end == NULL    ? "end"
                                                 : NULL;
    if (missing != NULL) {
        return llm_refuse(why, "the codec of its generator %s has no %s(): write it", name, missing);
    }
    ours->head = ours->head != NULL ? ours->head : no_head;
    ours->fail = ours->fail != NULL ? ours->fail : no_fail;
    return LLM_OK;
}

static llm_status adopt_generate(const llm_generate *theirs, const char *name, llm_generate *ours,
                                 struct llm_reason *why) {
    const llm_status status =
        copy_table(ours, sizeof *ours, theirs, LLM_END(llm_generate, run), "its llm_generate", why);
    if (status == LLM_OK && ours->run == NULL) {
        return llm_refuse(why, "its generator %s has no run(): write it", name);
    }
    return status;
}

static llm_status adopt_formats(const char *const *theirs, const char *name, struct llm_arena *arena,
                                const char *const **ret, struct llm_reason *why) {
    size_t count = 0;
    while (theirs != NULL && count <= LLM_MAX_FORMATS && theirs[count] != NULL) {
        count++;
    }
    if (count == 0 || count > LLM_MAX_FORMATS) {
        return llm_refuse(why, "its generator %s takes %s formats: name 1 to %u, then NULL", name,
                          count == 0 ? "no" : "too many", LLM_MAX_FORMATS);
    }
    const char **ours = llm_arena_new(arena, (count + 1) * sizeof *ours);
    if (ours == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const llm_str format = bounded(theirs[i]);
        if (!llm_manifest_is_name(format)) {
            return llm_refuse(why, "its generator %s takes a format that is no name: write it like acme.chat",
                              name);
        }
        ours[i] = llm_arena_dup(arena, format).ptr;
        if (ours[i] == NULL) {
            return LLM_E_NOMEM;
        }
    }
    *ret = ours;
    return LLM_OK;
}

static llm_status adopt_generator(const llm_generator *theirs, struct llm_arena *arena,
                                  struct llm_plugin_generator *ours, struct llm_reason *why) {
    llm_generator table = {0};
    llm_status status =
        copy_table(&table, sizeof table, theirs, LLM_END(llm_generator, codec), "its llm_generator", why);
    if (status != LLM_OK) {
        return status;
    }
    const llm_str name = bounded(table.name), operation = bounded(table.operation);
    if (!llm_manifest_is_name(name) || !llm_manifest_is_name(operation)) {
        return llm_refuse(
            why, "a generator has no name or no operation, or one with other than letters, digits, _ - "
                 "and .: write them like \"chat\"");
    }
    if ((table.codec != NULL) == (table.generate != NULL)) {
        return llm_refuse(why, "its generator %s has %s codec %s generate: set exactly one", table.name,
                          table.codec != NULL ? "both" : "neither", table.codec != NULL ? "and" : "nor");
    }
    ours->name = llm_arena_dup(arena, name);
    ours->operation = llm_arena_dup(arena, operation);
    if (ours->name.ptr == NULL || ours->operation.ptr == NULL) {
        return LLM_E_NOMEM;
    }
    status = table.codec != NULL ? adopt_codec(table.codec, ours->name.ptr, &ours->codec, why)
                                 : adopt_generate(table.generate, ours->name.ptr, &ours->generate, why);
    return status == LLM_OK ? adopt_formats(table.formats, ours->name.ptr, arena, &ours->formats, why)
                            : status;
}

static const struct llm_plugin_generator *find(const struct llm_adopted *adopted, llm_str name) {
    for (size_t i = 0; i < adopted->n_generators; i++) {
        if (llm_str_eq(adopted->generators[i].name, name)) {
            return &adopted->generators[i];
        }
    }
    return NULL;
}

static llm_status adopt_generators(const llm_generator *const *theirs, struct llm_arena *arena,
                                   struct llm_adopted *ret, struct llm_reason *why) {
    size_t count = 0;
    while (theirs != NULL && count <= LLM_MAX_GENERATORS && theirs[count] != NULL) {
        count++;
    }
    if (count == 0 || count > LLM_MAX_GENERATORS) {
        return llm_refuse(why, "its descriptor has %s generators: give 1 to %u, then NULL",
                          count == 0 ? "no" : "too many", LLM_MAX_GENERATORS);
    }
    ret->n_generators = 0;
    ret->generators = llm_arena_new(arena, count * sizeof *ret->generators);
    if (ret->generators == NULL) {
        return LLM_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct llm_plugin_generator *ours = &ret->generators[i];
        const llm_status status = adopt_generator(theirs[i], arena, ours, why);
        if (status != LLM_OK) {
            return status;
        }
        if (find(ret, ours->name) != NULL) {
            return llm_refuse(why, "two generators are called %s: rename one", ours->name.ptr);
        }
        ret->n_generators++;
    }
    return LLM_OK;
}

// Routing goes by the manifest, before the code is loaded: both must say the same.
static llm_status compare_generators(const struct llm_adopted *adopted, llm_str listed,
                                     struct llm_reason *why) {
    if (listed.ptr == NULL) {
        return LLM_OK;
    }
    size_t count = 0;
    for (llm_json_iter it = llm_json_begin(listed); llm_json_next(&it); count++) {
        const llm_str name = llm_json_plain(it.name), operation = llm_json_plain(it.value);
        const struct llm_plugin_generator *generator = find(adopted, name);
        if (generator == NULL || !llm_str_eq(generator->operation, operation)) {
            return llm_refuse(
                why, "its manifest lists the generator %.*s for %.*s, its descriptor has %s: make them equal",
                LLM_FMT(name), LLM_FMT(operation),
                generator != NULL ? generator->operation.ptr : "none of that name");
        }
    }
    if (count != adopted->n_generators) {
        return llm_refuse(why, "its descriptor has %zu generators, its manifest lists %zu: make them equal",
                          adopted->n_generators, count);
    }
    return LLM_OK;
}

static llm_status adopt_descriptor(const llm_provider_descriptor *theirs,
                                   const struct llm_adopt_expected *expected, llm_provider_descriptor *ours,
                                   struct llm_reason *why) {
    llm_status status = copy_table(ours, sizeof *ours, theirs, LLM_END(llm_provider_descriptor, generators),
                                   "its descriptor", why);
    if (status == LLM_OK) {
        status = check_text("id", ours->id, expected->id, why);
    }
    if (status == LLM_OK) {
        status = check_text("version", ours->version, expected->version, why);
    }
    if (status == LLM_OK && ours->instance_new != NULL && ours->instance_free == NULL) {
        status = llm_refuse(why, "its descriptor has instance_new but no instance_free: write it");
    }
    ours->init = ours->init != NULL ? ours->init : no_init;
    ours->shutdown = ours->shutdown != NULL ? ours->shutdown : no_shutdown;
    ours->instance_free = ours->instance_new != NULL ? ours->instance_free : no_instance_free;
    ours->instance_new = ours->instance_new != NULL ? ours->instance_new : no_instance_new;
    ours->get_interface = ours->get_interface != NULL ? ours->get_interface : no_interface;
    return status;
}

llm_status llm_adopt(const llm_provider_descriptor *theirs, const struct llm_adopt_expected *expected,
                     struct llm_arena *arena, struct llm_adopted *ret, struct llm_reason *why) {
    if (theirs == NULL) {
        return llm_refuse(why,
                          "its entry gave NULL instead of a descriptor: return the address of a static one");
    }
    llm_provider_descriptor *ours = llm_arena_new(arena, sizeof *ours);
    if (ours == NULL) {
        return LLM_E_NOMEM;
    }
    llm_status status = adopt_descriptor(theirs, expected, ours, why);
    if (status == LLM_OK) {
        status = adopt_generators(ours->generators, arena, ret, why);
    }
    if (status == LLM_OK) {
        status = compare_generators(ret, expected->generators, why);
    }
    ret->descriptor = ours;
    return status;
}

static void LLM_CALL no_interrupt(llm_store *store) {
    (void)store;
}

llm_status llm_adopt_store(const llm_store_descriptor *theirs, const struct llm_adopt_expected *expected,
                           struct llm_arena *arena, const llm_store_descriptor **ret,
                           struct llm_reason *why) {
    if (theirs == NULL) {
        return llm_refuse(why,
                          "its entry gave NULL instead of a descriptor: return the address of a static one");
    }
    llm_store_descriptor *ours = llm_arena_new(arena, sizeof *ours);
    if (ours == NULL) {
        return LLM_E_NOMEM;
    }
    llm_status status =
        copy_table(ours, sizeof *ours, theirs, LLM_END(llm_store_descriptor, check), "its descriptor", why);
    if (status == LLM_OK) {
        status = check_text("id", ours->id, expected->id, why);
    }
    if (status == LLM_OK) {
        status = check_text("version", ours->version, expected->version, why);
    }
    const char *missing = ours->open == NULL     ? "open"
                          : ours->close == NULL  ? "close"
                          : ours->append == NULL ? "append"
                          : ours->sums == NULL   ? "sums"
                          : ours->rows == NULL   ? "rows"
                          : ours->check == NULL  ? "check"
                                                 : NULL;
    if (status == LLM_OK && missing != NULL) {
        status = llm_refuse(why, "its descriptor has no %s(): write it", missing);
    }
    ours->interrupt = ours->interrupt != NULL ? ours->interrupt : no_interrupt;
    *ret = ours;
    return status;
}
