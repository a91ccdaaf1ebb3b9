// SPDX-License-Identifier: MIT
// Each broken plugin of the gallery gets the state and the reason that a person needs, and harms nobody.
#include "plugin_test.h"
#include "tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REFUSED LLM_PLUGIN_REFUSED
#define FAULTED LLM_PLUGIN_FAULTED
#define LOADED LLM_PLUGIN_LOADED

// Built files: state after a look and an attempt to load, and the reason.
static const struct built {
    const char *file;
    enum llm_plugin_state state;
    const char *reason; // its beginning; NULL: none
} gallery[] = {
    {"bad_id.so", REFUSED, "manifest: the id \"gallery\" is not like \"com.acme.provider\""},
    {"bad_json.so", REFUSED,
     "manifest: no valid JSON at byte 85 of 86 (a byte that cannot stand here): correct it"},
    {"bad_version.so", REFUSED, "manifest: the version \"1.0\" is not like \"1.0.0\""},
    {"codec_and_generate.so", FAULTED, "its generator chat has both codec and generate: set exactly one"},
    {"codec_size_zero.so", FAULTED, "its llm_codec has size 0, it must be 56 to 4096: set it to sizeof"},
    {"constructor.so", LOADED, NULL},
    {"core_symbol.so", REFUSED, "it wants the symbol llm_version from the core: "},
    {"deep_json.so", REFUSED, "manifest: no valid JSON at byte 106 of 124 (nested too deep): correct it"},
    {"duplicate_generators.so", FAULTED, "two generators are called chat: rename one"},
    {"echo.so", LOADED, NULL},
    {"empty_generators.so", FAULTED, "its descriptor has no generators: give 1 to 256, then NULL"},
    {"entry_is_data.so", REFUSED, "llm_provider_entry_v1 is not a function: define it as "},
    {"exec_stack.so", REFUSED, "it wants an executable stack: link it with -Wl,-z,noexecstack"},
    {"good.so", LOADED, NULL},
    {"id_twice.so", REFUSED, "manifest: \"id\" stands there twice: remove one"},
    {"init_fails.so", FAULTED, "its init() failed: config (-18)"},
    {"instance_new_fails.so", LOADED, NULL},
    {"large_manifest.so", REFUSED, "the manifest has 65621 bytes, it may have 65536: make it shorter"},
    {"library_listed.so", LOADED, NULL},
    {"library_unlisted.so", REFUSED,
     "it needs the library libcjson.so.1: link that in statically, or list it"},
    {"missing_generator.so", FAULTED,
     "its manifest lists the generator draw for image, its descriptor has none"},
    {"newer_abi.so", REFUSED, "it needs ABI 2; this core has ABI 1: use a newer core"},
    {"newer_entry.so", REFUSED, "it has the entry of ABI 2; this core has ABI 1: use a newer core"},
    {"newer_manifest.so", REFUSED, "manifest format 2; this core reads format 1: use a newer core"},
    {"no_abi.so", REFUSED, "manifest: \"abi\" is missing: write \"abi\": {\"major\": 1, \"minor\": 0}"},
    {"no_close.so", FAULTED, "the codec of its generator chat has no close(): write it"},
    {"no_codec.so", FAULTED, "its generator chat has neither codec nor generate: set exactly one"},
    {"no_data.so", FAULTED, "the codec of its generator chat has no data(): write it"},
    {"no_encode.so", FAULTED, "the codec of its generator chat has no encode(): write it"},
    {"no_end.so", FAULTED, "the codec of its generator chat has no end(): write it"},
    {"no_entry.so", REFUSED, "it does not export llm_provider_entry_v1: define the entry as "},
    {"no_formats.so", FAULTED, "its generator chat takes no formats: name 1 to 64, then NULL"},
    {"no_id.so", REFUSED, "manifest: \"id\" is missing: write \"id\": \"com.acme.provider\""},
    {"no_instance_free.so", FAULTED, "its descriptor has instance_new but no instance_free: write it"},
    {"no_manifest.so", REFUSED,
     "it carries no manifest (ELF note LLMMaster): no plugin, or compiled without "},
    {"no_name.so", FAULTED, "a generator has no name or no operation, or one with other than letters"},
    {"no_object.so", REFUSED, "manifest: it is no JSON object: write {\"manifest\": 1, ...}"},
    {"no_open.so", FAULTED, "the codec of its generator chat has no open(): write it"},
    {"no_run.so", FAULTED, "its generator chat has no run(): write it"},
    {"null_descriptor.so", FAULTED, "its entry gave NULL instead of a descriptor: return the address of "},
    {"null_generators.so", FAULTED, "its descriptor has no generators: give 1 to 256, then NULL"},
    {"null_id.so", FAULTED, "its descriptor says id (nothing), its manifest org.example.gallery: make them "},
    {"other_generators.so", FAULTED,
     "its manifest lists the generator chat for embeddings, its descriptor has chat"},
    {"other_id.so", FAULTED, "its descriptor says id org.example.other, its manifest org.example.gallery: "},
    {"other_version.so", FAULTED, "its descriptor says version 1.0.1, its manifest 1.0.0: make them equal"},
    {"program", REFUSED, "it is a program, not a shared object: link it with -shared"},
    {"rpath.so", REFUSED, "it looks for libraries in /opt/lib: link it without -rpath, or with $ORIGIN only"},
    {"rpath_origin.so", LOADED, NULL},
    {"rpath_parent.so", REFUSED, "it looks for libraries in $ORIGIN/../lib: link it without -rpath"},
    {"size_huge.so", FAULTED, "its descriptor has size 4294967295, it must be 32 to 4096: set it to sizeof"},
    {"size_zero.so", FAULTED, "its descriptor has size 0, it must be 32 to 4096: set it to sizeof"},
    {"soname.so", REFUSED, "it calls itself libm.so.6: link it without -soname"},
    {"text_relocations.so", REFUSED,
     "it changes its own code when loaded (text relocations): compile it with "},
    {"two_exports.so", REFUSED, "it exports gallery_helper besides its entry: compile it with "},
    {"two_majors.so", LOADED, NULL},
    {"two_manifests.so", REFUSED, "2 manifests: write LLM_MANIFEST() in one source file only"},
    {"undefined_symbol.so", FAULTED, "the system cannot load it: undefined symbol: gallery_missing"},
    {"unknown_interface.so", REFUSED,
     "it needs the host interface llm.host.kv/1, which this core does not offer"},
    {"unknown_permission.so", REFUSED,
     "it asks for the permission \"secret.reveal\", which this core does not know"},
};

// One file in the directory: does it have this state and this reason?
static void expect(struct tap *tap, struct plugin_test *test, const char *name, enum llm_plugin_state state,
                   const char *reason) {
    const llm_status scanned = plugin_test_scan(test);
    if (scanned != LLM_OK || test->count != 1) {
        tap_result(tap, 0, name, "scan gave %d and %zu files", (int)scanned, test->count);
        return;
    }
    struct llm_plugin *plugin = test->list[0];
    const enum llm_plugin_state before = state == REFUSED ? REFUSED : LLM_PLUGIN_FOUND;
    const bool found = plugin->state == (int)before;
    const llm_status loaded = llm_plugin_load(test->plugins, plugin, &test->err);
    const llm_status expected = state == LOADED ? LLM_OK : state == FAULTED ? LLM_E_INTERNAL : LLM_E_DENIED;
    const bool said = reason == NULL
                          ? plugin->reason == NULL
                          : plugin->reason != NULL && strncmp(plugin->reason, reason, strlen(reason)) == 0 &&
                                strstr(test->err.message, reason) != NULL;
    tap_result(tap, found && plugin->state == (int)state && loaded == expected && said, name,
               "%s first, now %s, load %d, reason: %s", found ? "right" : "wrong",
               llm_plugin_state_name(plugin->state), (int)loaded,
               plugin->reason != NULL ? plugin->reason : "(none)");
}

static void run_gallery(struct tap *tap) {
    for (size_t i = 0; i < sizeof gallery / sizeof gallery[0]; i++) {
        struct plugin_test test;
        plugin_test_begin(&test);
        plugin_test_install(&test, gallery[i].file, "plugin.so");
        expect(tap, &test, gallery[i].file, gallery[i].state, gallery[i].reason);
        plugin_test_end(&test);
    }
}

// ---- files that no compiler made -----------------------------------------------------------------------------

static void make_text(struct plugin_test *test) {
    temp_dir_write(&test->dir, "plugin.so", "#!/bin/sh\necho hello\n", 21, 0755);
}

static void make_short_text(struct plugin_test *test) {
    temp_dir_write(&test->dir, "plugin.so", "hi", 2, 0755);
}

static void make_empty(struct plugin_test *test) {
    temp_dir_write(&test->dir, "plugin.so", "", 0, 0755);
}

static void make_directory(struct plugin_test *test) {
    temp_dir_make(&test->dir, "plugin.so", 0755);
}

static void make_pipe(struct plugin_test *test) {
    (void)mkfifo(temp_dir_file(&test->dir, "plugin.so"), 0644);
}

static void make_socket(struct plugin_test *test) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", temp_dir_file(&test->dir, "plugin.so"));
    (void)bind(fd, (const struct sockaddr *)&address, sizeof address);
    (void)close(fd);
}

static void make_link(struct plugin_test *test) {
    (void)symlink(plugin_test_built("echo.so"), temp_dir_file(&test->dir, "plugin.so"));
}

static void make_dangling_link(struct plugin_test *test) {
    (void)symlink("/nowhere", temp_dir_file(&test->dir, "plugin.so"));
}

static void make_mode(struct plugin_test *test, mode_t mode) {
    plugin_test_install(test, "echo.so", "plugin.so");
    (void)chmod(temp_dir_file(&test->dir, "plugin.so"), mode);
}

static void make_world_writable(struct plugin_test *test) {
    make_mode(test, 0777);
}

static void make_group_writable(struct plugin_test *test) {
    make_mode(test, 0775);
}

static void make_foreign(struct plugin_test *test) {
    plugin_test_install(test, "echo.so", "plugin.so");
    (void)chown(temp_dir_file(&test->dir, "plugin.so"), 12345, 12345);
}

static void make_cut(struct plugin_test *test) {
    plugin_test_install(test, "echo.so", "plugin.so");
    struct stat st;
    const char *path = temp_dir_file(&test->dir, "plugin.so");
    if (stat(path, &st) != 0 || truncate(path, st.st_size / 2) != 0) {
        printf("# cannot cut it\n");
    }
}

static void make_changed(struct plugin_test *test, size_t at, char byte) {
    size_t len = 0;
    char *bytes = temp_dir_read(plugin_test_built("echo.so"), &len);
    bytes[at] = byte;
    temp_dir_write(&test->dir, "plugin.so", bytes, len, 0755);
    free(bytes);
}

static void make_other_class(struct plugin_test *test) {
    make_changed(test, 4, 1);
}

static void make_other_machine(struct plugin_test *test) {
    make_changed(test, 18, 0x28);
}

static void make_object_file(struct plugin_test *test) {
    make_changed(test, 16, 1);
}

static const struct made {
    const char *name;
    void (*make)(struct plugin_test *test);
    const char *reason;
    bool root_only;
} made[] = {
    {"a text file", make_text, "not an ELF file (it begins with 23 21 2f 62): put a compiled plugin here",
     false},
    {"two bytes", make_short_text, "not an ELF file (2 bytes): put a compiled plugin here", false},
    {"an empty file", make_empty, "the file is empty: copy it again", false},
    {"a directory", make_directory, "it is a directory, not a file: remove it or rename it", false},
    {"a named pipe", make_pipe, "it is a named pipe, not a file: remove it or rename it", false},
    {"a socket", make_socket, "it is a socket, not a file: remove it or rename it", false},
    {"a symbolic link", make_link, "it is a symbolic link: copy the file itself here", false},
    {"a dangling link", make_dangling_link, "it is a symbolic link: copy the file itself here", false},
    {"writable by all", make_world_writable, "others can write to it (mode 0777): chmod go-w it", false},
    {"writable by the group", make_group_writable, "others can write to it (mode 0775): chmod go-w it",
     false},
    {"of another user", make_foreign, "it belongs to user 12345, not to root: chown it to root", true},
    {"cut off", make_cut, "the file is cut off: it has ", false},
    {"for 32 bits", make_other_class, "ELF class 1, this core has 2 (64 bit): compile it for this machine",
     false},
    {"for another machine", make_other_machine, "compiled for machine 40, this core runs on ", false},
    {"an object file", make_object_file, "ELF type 1, a shared object has 3: link it with -shared", false},
};

static void run_made(struct tap *tap) {
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        if (made[i].root_only && geteuid() != 0) {
            tap_skip(tap, made[i].name, "only root can make it");
            continue;
        }
        struct plugin_test test;
        plugin_test_begin(&test);
        made[i].make(&test);
        expect(tap, &test, made[i].name, REFUSED, made[i].reason);
        plugin_test_end(&test);
    }
}

// However short: refused, always with the reason that names both sizes or says that nothing is there.
static void run_cuts(struct tap *tap) {
    struct plugin_test test;
    size_t len = 0, wrong = 0;
    plugin_test_begin(&test);
    char *bytes = temp_dir_read(plugin_test_built("good.so"), &len);
    const size_t step = len / 97 + 1;
    for (size_t n = 0; n < len; n += n < 300 || len - n <= 200 ? 1 : step) {
        temp_dir_write(&test.dir, "plugin.so", bytes, n, 0755);
        if (plugin_test_scan(&test) != LLM_OK || test.count != 1 || test.list[0]->state != REFUSED) {
            wrong++;
        }
    }
    free(bytes);
    tap_result(tap, wrong == 0, "cut off anywhere", "%zu cuts were taken", wrong);
    plugin_test_end(&test);
}

int main(void) {
    struct tap tap = {0, 0};
    run_gallery(&tap);
    run_made(&tap);
    run_cuts(&tap);
    return tap_done(&tap);
}
