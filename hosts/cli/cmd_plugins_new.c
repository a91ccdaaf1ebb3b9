// SPDX-License-Identifier: MIT
#include "cmd_plugins_new.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_MAX_BYTES 40
#define OPERATIONS                                                                                           \
    "chat, completions, embeddings, image, image.edit, image.variate, models, moderation, rerank, "          \
    "speech, transcription, translation"
#define RUST_OPERATIONS "chat, completions, embeddings, image, moderation and rerank"

// Pieces that several operations share.
#define NEEDS_TEXT 1u
#define NEEDS_IMAGES 2u
#define NEEDS_FORM 4u
#define HAS_MODEL 8u

enum price { PRICE_NONE, PRICE_TOKENS, PRICE_IMAGE, PRICE_CHARACTER, PRICE_SECOND };

// What the templates have.  id: the name of its files and its generator.
static const struct operation {
    const char *name, *id;
    bool rust;
    unsigned flags;
    enum price price;
    const char *example; // of a call; NULL: "request"
} operations[] = {
    {"chat", "chat", true, HAS_MODEL | NEEDS_TEXT, PRICE_TOKENS, "query -m @name@/@name@-1 \"Hello\""},
    {"completions", "completions", true, HAS_MODEL | NEEDS_TEXT, PRICE_TOKENS, NULL},
    {"embeddings", "embeddings", true, HAS_MODEL, PRICE_TOKENS, "embed -m @name@/@name@-1 \"Hello\""},
    {"image", "image", true, HAS_MODEL | NEEDS_IMAGES, PRICE_IMAGE,
     "image -m @name@/@name@-1 \"a red bird\""},
    {"image.edit", "image_edit", false, HAS_MODEL | NEEDS_IMAGES | NEEDS_FORM, PRICE_IMAGE,
     "image -m @name@/@name@-1 --operation image.edit --attach a.png \"make it red\""},
    {"image.variate", "image_variate", false, HAS_MODEL | NEEDS_IMAGES | NEEDS_FORM, PRICE_IMAGE, NULL},
    {"models", "models", false, 0, PRICE_NONE, NULL},
    {"moderation", "moderation", true, HAS_MODEL, PRICE_NONE, NULL},
    {"rerank", "rerank", true, HAS_MODEL, PRICE_TOKENS, NULL},
    {"speech", "speech", false, HAS_MODEL, PRICE_CHARACTER, NULL},
    {"transcription", "transcription", false, HAS_MODEL | NEEDS_TEXT | NEEDS_FORM, PRICE_SECOND, NULL},
    {"translation", "translation", false, HAS_MODEL | NEEDS_TEXT | NEEDS_FORM, PRICE_SECOND, NULL},
};

#define N_OPERATIONS (sizeof operations / sizeof operations[0])

static const struct cli_option options[] = {
    {0, "lang", "LANGUAGE", "c (default), cpp or rust"},
    {0, "operation", "OP", "what it does, chat if not given; may be given several times: " OPERATIONS},
    {0, "auth", "SCHEME", "how the key is sent: bearer (default), header, query or none"},
    {0, "from", "FORMAT", "openai: begin with OpenAI's format and a list of differences to answer"},
    {0, "no-build", NULL, "do not build and check what was written"},
    {0, "help", NULL, "this"},
};

struct scaffold {
    struct cli *cli;
    const char *name, *lang, *auth;
    bool wanted[N_OPERATIONS];
    bool openai, build;
    char upper[NAME_MAX_BYTES + 1];
    char templates[4096], headers[4096];
};

// ---- what was asked for ------------------------------------------------------------------------------------------------

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words != NULL; words++) {
        if (strcmp(*words, word) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_name(const char *name) {
    const size_t len = strlen(name);
    return len > 0 && len <= NAME_MAX_BYTES && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static int take(struct scaffold *s, struct cli_args *args) {
    static const char *const langs[] = {"c", "cpp", "rust", NULL};
    static const char *const schemes[] = {"bearer", "header", "query", "none", NULL};
    if (cli_is(args, "lang")) {
        if (strcmp(args->value, "python") == 0) {
            return cli_usage(
                args->cli, args,
                "a plugin in Python is a program, and programs come with the isolated worker, which is not "
                "there yet.  Today: --lang c, cpp or rust; or no code at all, for a service that speaks "
                "JSON: "
                "describe it for custom.so (docs/custom.md)");
        }
        s->lang = args->value;
        return is_one_of(s->lang, langs) ? CLI_OK : cli_usage(args->cli, args, "--lang is c, cpp or rust");
    }
    if (cli_is(args, "operation")) {
        size_t i = 0;
        while (i < N_OPERATIONS && strcmp(operations[i].name, args->value) != 0) {
            i++;
        }
        if (i == N_OPERATIONS) {
            return cli_usage(args->cli, args,
                             "--operation is one of: " OPERATIONS
                             "; for another one begin with one of these");
        }
        s->wanted[i] = true;
        return CLI_OK;
    }
    if (cli_is(args, "auth")) {
        s->auth = args->value;
        return is_one_of(s->auth, schemes)
                   ? CLI_OK
                   : cli_usage(args->cli, args, "--auth is bearer, header, query or none");
    }
    if (cli_is(args, "from")) {
        s->openai = strcmp(args->value, "openai") == 0;
        return s->openai ? CLI_OK : cli_usage(args->cli, args, "--from knows openai");
    }
    s->build = false;
    return CLI_OK;
}

static int read_args(struct scaffold *s, struct cli_args *args) {
    int found;
    while ((found = cli_args_next(args)) != CLI_ARG_END) {
        if (found == CLI_ARG_HELP) {
            (void)printf("usage: llm-master plugins new NAME [OPTION]...\n\n"
                         "Writes a folder NAME with a plugin: manifest, codec, recorded exchanges, fuzz "
                         "target, Makefile, meson.build, README.\n\n");
            cli_help_options(options, sizeof options / sizeof options[0]);
            return CLI_INTERRUPTED;
        }
        if (found == CLI_ARG_BAD) {
            return CLI_USAGE;
        }
        int status = CLI_OK;
        if (found == CLI_ARG_OPERAND) {
            if (s->name != NULL) {
                return cli_usage(args->cli, args, "\"%.64s\" is too much", args->value);
            }
            s->name = args->value;
        } else {
            status = take(s, args);
        }
        if (status != CLI_OK) {
            return status;
        }
    }
    if (s->name == NULL || !is_name(s->name)) {
        return cli_usage(args->cli, args,
                         "new needs a name: a-z, 0-9 and _, at most %d letters, as the provider is called",
                         NAME_MAX_BYTES);
    }
    bool any = false;
    for (size_t i = 0; i < N_OPERATIONS; i++) {
        any = any || s->wanted[i];
        if (s->wanted[i] && strcmp(s->lang, "rust") == 0 && !operations[i].rust) {
            return cli_usage(args->cli, args, "the template in Rust has " RUST_OPERATIONS);
        }
    }
    s->wanted[0] = s->wanted[0] || !any;
    return CLI_OK;
}

// The pieces that the wanted operations need.
static unsigned needs(const struct scaffold *s) {
    unsigned all = 0;
    for (size_t i = 0; i < N_OPERATIONS; i++) {
        all |= s->wanted[i] ? operations[i].flags : 0;
    }
    return all;
}

// ---- templates -----------------------------------------------------------------------------------------------------------

static bool find_templates(struct scaffold *s) {
    char self[3072];
    struct stat st;
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
        static const char *const places[] = {
            "../../sdk/template", "../share/llm-master/template"}; // build tree; moved installation
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            (void)snprintf(s->templates, sizeof s->templates, "%s/%s", self, places[i]);
            (void)snprintf(s->headers, sizeof s->headers, "%s/%s", self,
                           i == 0 ? "../../sdk/template/sdk" : "../include");
            if (stat(s->templates, &st) == 0) {
                return true;
            }
        }
    }
    (void)snprintf(s->headers, sizeof s->headers, "%s", LLM_INCLUDEDIR);
    (void)snprintf(s->templates, sizeof s->templates, "%s", LLM_TEMPLATEDIR);
    return stat(s->templates, &st) == 0;
}

// format for each wanted operation, with % for its name and # for its id; `between` between two.
static void add_list(const struct scaffold *s, const char *format, const char *between, unsigned only,
                     struct host_text *to) {
    for (size_t i = 0, n = 0; i < N_OPERATIONS; i++) {
        if (!s->wanted[i] || (operations[i].flags & only) != only) {
            continue;
        }
        host_text_text(to, n++ > 0 ? between : "");
        for (const char *p = format; *p != '\0'; p++) {
            if (*p == '%' || *p == '#') {
                host_text_text(to, *p == '%' ? operations[i].name : operations[i].id);
            } else {
                host_text_add(to, p, 1);
            }
        }
    }
}

// One model that does it all, with made-up prices of the kinds that its operations have.
static void add_models(const struct scaffold *s, struct host_text *to) {
    static const char *const prices[] = {[PRICE_TOKENS] =
                                             ", \"input_per_mtok\": \"0.15\", \"output_per_mtok\": \"0.60\"",
                                         [PRICE_IMAGE] = ", \"per_image\": \"0.04\"",
                                         [PRICE_CHARACTER] = ", \"per_character\": \"0.000015\"",
                                         [PRICE_SECOND] = ", \"per_second\": \"0.0001\""};
    bool has[sizeof prices / sizeof prices[0]] = {false};
    if ((needs(s) & HAS_MODEL) == 0) {
        return;
    }
    host_text_text(to, "{\"id\": \"");
    host_text_text(to, s->name);
    host_text_text(to, "-1\", \"operation\": [");
    add_list(s, "\"%\"", ", ", HAS_MODEL, to);
    host_text_text(to, "]");
    for (size_t i = 0; i < N_OPERATIONS; i++) {
        const enum price price = operations[i].price;
        if (s->wanted[i] && price != PRICE_NONE && !has[price]) {
            has[price] = true;
            host_text_text(to, prices[price]);
        }
    }
    host_text_text(to, "}");
}

static void add_auth(const struct scaffold *s, struct host_text *to) {
    host_text_text(to, "{\"scheme\": \"");
    host_text_text(to, s->auth);
    host_text_text(to, "\"");
    if (strcmp(s->auth, "header") == 0 || strcmp(s->auth, "query") == 0) {
        host_text_text(to,
                       strcmp(s->auth, "header") == 0 ? ", \"name\": \"x-api-key\"" : ", \"name\": \"key\"");
    }
    if (strcmp(s->auth, "none") != 0) {
        host_text_text(to, ", \"key_env\": \"");
        host_text_text(to, s->upper);
        host_text_text(to, "_API_KEY\"");
    }
    host_text_text(to, "}");
}

static void fill(const struct scaffold *s, llm_str line, struct host_text *to);

// How the first of its operations is called.
static void add_example(const struct scaffold *s, struct host_text *to) {
    size_t i = 0;
    while (!s->wanted[i]) {
        i++;
    }
    const struct operation *op = &operations[i];
    if (op->example != NULL) {
        host_text_text(to, "llm-master ");
        fill(s, host_str(op->example), to);
        return;
    }
    host_text_text(to, "llm-master request --provider ");
    host_text_text(to, s->name);
    host_text_text(to, (op->flags & NEEDS_FORM) != 0 ? " --attach FILE" : "");
    host_text_text(to, " ");
    host_text_text(to, op->name);
    host_text_text(to, " request.json");
}

static void add_meson_sources(const struct scaffold *s, const char *ext, struct host_text *to) {
    struct host_text list = {0};
    host_text_text(&list, "'src/plugin.@', 'src/codec.@', ");
    host_text_text(&list, (needs(s) & NEEDS_FORM) != 0 ? "'src/form.@', " : "");
    add_list(s, "'src/#.@'", ", ", 0, &list);
    for (size_t i = 0; i < list.len; i++) {
        if (list.ptr[i] == '@') {
            host_text_text(to, ext);
        } else {
            host_text_add(to, list.ptr + i, 1);
        }
    }
    host_text_done(&list);
}

// The value of a placeholder; false: that is none.
static bool value_of(const struct scaffold *s, llm_str name, struct host_text *to) {
    const bool cpp = strcmp(s->lang, "cpp") == 0;
    const struct {
        const char *name, *value;
    } values[] = {
        {"name", s->name},
        {"title", s->name},
        {"NAME", s->upper},
        {"ext", strcmp(s->lang, "rust") == 0 ? "rs"
                : cpp                        ? "cpp"
                                             : "c"},
        {"CC", cpp ? "CXX" : "CC"},
        {"cc", cpp ? "c++" : "cc"},
        {"FLAGS", cpp ? "CXXFLAGS" : "CFLAGS"},
        {"std", cpp ? "-std=c++20" : "-std=c11"},
        {"static", cpp ? "-static-libstdc++ -static-libgcc" : ""},
        {"fuzzcc", cpp ? "clang++" : "clang"},
        {"meson_lang", cpp ? "cpp" : "c"},
        {"meson_std", cpp ? "cpp_std=c++20" : "c_std=c11"},
        {"meson_static", cpp ? ", '-static-libstdc++', '-static-libgcc'" : ""},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (host_same(name, host_str(values[i].name))) {
            host_text_text(to, values[i].value);
            return true;
        }
    }
    static const struct {
        const char *name, *format, *between;
    } lists[] = {
        {"generators", "\"#\": \"%\"", ", "},
        {"generator_list", "&#_generator", ",\n    "},
        {"generator_externs", "extern const llm_generator #_generator;", "\n"},
        {"meson_vectors", "'--vectors', files('tests/%.vectors.json')", ", "},
        {"modules", "mod #;", "\n"},
        {"rust_generators", "&#::GENERATOR.0, ", ""},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (host_same(name, host_str(lists[i].name))) {
            add_list(s, lists[i].format, lists[i].between, 0, to);
            return true;
        }
    }
    if (host_same(name, host_str("id"))) {
        host_text_text(to, "com.example.");
        host_text_text(to, s->name);
    } else if (host_same(name, host_str("models"))) {
        add_models(s, to);
    } else if (host_same(name, host_str("auth"))) {
        add_auth(s, to);
    } else if (host_same(name, host_str("key"))) {
        host_text_text(to, strcmp(s->auth, "none") == 0 ? "# it needs no key\n" : "export ");
        host_text_text(to, strcmp(s->auth, "none") == 0 ? "" : s->upper);
        host_text_text(to, strcmp(s->auth, "none") == 0 ? "" : "_API_KEY=...\n");
    } else if (host_same(name, host_str("example"))) {
        add_example(s, to);
    } else if (host_same(name, host_str("meson_sources"))) {
        add_meson_sources(s, cpp ? "cpp" : "c", to);
    } else if (host_same(name, host_str("n_generators"))) {
        size_t n = 0;
        for (size_t i = 0; i < N_OPERATIONS; i++) {
            n += s->wanted[i] ? 1 : 0;
        }
        host_text_text(to,
                       (const char[]){(char)('0' + n / 10), (char)('0' + n % 10), '\0'} + (n < 10 ? 1 : 0));
    } else {
        return false;
    }
    return true;
}

static void fill(const struct scaffold *s, llm_str line, struct host_text *to) {
    while (line.len > 0) {
        const char *at = memchr(line.ptr, '@', line.len);
        const size_t before = at != NULL ? (size_t)(at - line.ptr) : line.len;
        host_text_add(to, line.ptr, before);
        line = (llm_str){line.ptr + before, line.len - before};
        if (line.len == 0) {
            break;
        }
        const char *end = memchr(line.ptr + 1, '@', line.len - 1);
        const size_t n = end != NULL ? (size_t)(end - line.ptr) + 1 : 0;
        if (n > 2 && value_of(s, (llm_str){line.ptr + 1, n - 2}, to)) {
            line = (llm_str){line.ptr + n, line.len - n};
        } else {
            host_text_text(to, "@");
            line = (llm_str){line.ptr + 1, line.len - 1};
        }
    }
}

// ---- writing -------------------------------------------------------------------------------------------------------------

static int make_dir(struct scaffold *s, const char *path) {
    if (mkdir(path, 0777) != 0) {
        cli_say(s->cli, NULL, "cannot make %s: %s", path, strerror(errno));
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int write_file(struct scaffold *s, const char *from, const char *to_path, bool verbatim, mode_t mode) {
    char path[8192];
    struct host_text in = {0}, out = {0};
    llm_error err = LLM_ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/%s", s->templates, from);
    if (strncmp(from, "sdk/", 4) == 0) {
        (void)snprintf(path, sizeof path, "%s/%s", s->headers, from + 4);
    }
    if (host_text_file(&in, path, &err) != LLM_OK) {
        cli_say_error(s->cli, &err);
        host_text_done(&in);
        return CLI_CONFIG;
    }
    if (verbatim) {
        host_text_add(&out, in.ptr, in.len);
    } else {
        fill(s, host_text_str(&in), &out);
    }
    char name[256];
    struct host_text file = {0};
    fill(s, host_str(to_path), &file);
    (void)snprintf(name, sizeof name, "%s/%.*s", s->name, (int)file.len, file.len > 0 ? file.ptr : "");
    FILE *f = out.failed ? NULL : fopen(name, "wbx");
    const bool ok = f != NULL && fwrite(out.ptr, 1, out.len, f) == out.len;
    const bool closed = f == NULL || fclose(f) == 0;
    if (!ok || !closed || (mode != 0 && chmod(name, mode) != 0)) {
        cli_say(s->cli, NULL, "cannot write %s: %s", name, strerror(errno));
    }
    host_text_done(&in);
    host_text_done(&out);
    host_text_done(&file);
    return ok && closed ? CLI_OK : CLI_FAILED;
}

// Whose sources are taken: C++ has C's.
static const char *family_of(const struct scaffold *s) {
    return strcmp(s->lang, "cpp") == 0 ? "c" : s->lang;
}

// Its source and its recorded exchanges.  chat comes in two kinds: from OpenAI's format, and for an invented provider.
static int write_operation(struct scaffold *s, const struct operation *op) {
    const bool rust = strcmp(s->lang, "rust") == 0;
    const char *kind = strcmp(op->name, "chat") != 0 ? "" : s->openai ? "-openai" : "-scratch";
    char from[128], to[128];
    (void)snprintf(from, sizeof from, "%s/src/%s%s.%s", family_of(s), op->id, kind, rust ? "rs" : "c");
    (void)snprintf(to, sizeof to, "src/%s.@ext@", op->id);
    const int status = write_file(s, from, to, false, 0);
    if (status != CLI_OK) {
        return status;
    }
    (void)snprintf(from, sizeof from, "%s/tests/%s%s.vectors.json",
                   rust && s->openai && kind[0] != '\0' ? "rust" : "c", op->name, kind);
    (void)snprintf(to, sizeof to, "tests/%s.vectors.json", op->name);
    return write_file(s, from, to, false, 0);
}

static int write_all(struct scaffold *s) {
    static const char *const folders[] = {"", "/src", "/tests", "/sdk"};
    static const struct {
        const char *from, *to;
        const char *lang; // NULL: any
        unsigned needed;  // by any of the operations; 0: always
        int openai;       // -1: either
        bool verbatim, executable;
    } files[] = {
        {"c/plugin.json", "plugin.json", NULL, 0, -1, false, false},
        {"c/src/plugin.c.in", "src/plugin.@ext@", "c", 0, -1, false, false},
        {"c/src/codec.h.in", "src/codec.h", "c", 0, -1, false, false},
        {"c/src/codec.c", "src/codec.@ext@", "c", 0, -1, false, false},
        {"c/src/text.h", "src/text.h", "c", NEEDS_TEXT, -1, false, false},
        {"c/src/images.h", "src/images.h", "c", NEEDS_IMAGES, -1, false, false},
        {"c/src/form.h", "src/form.h", "c", NEEDS_FORM, -1, false, false},
        {"c/src/form.c", "src/form.@ext@", "c", NEEDS_FORM, -1, false, false},
        {"c/tests/fuzz.c", "tests/fuzz.@ext@", "c", 0, -1, false, false},
        {"c/manifest.sh", "manifest.sh", "c", 0, -1, false, true},
        {"c/meson.build", "meson.build", "c", 0, -1, false, false},
        {"c/Makefile", "Makefile", "c", 0, -1, false, false},
        {"c/ci.sh", "ci.sh", "c", 0, -1, false, true},
        {"c/README.md", "README.md", "c", 0, -1, false, false},
        {"rust/src/lib.rs", "src/lib.rs", "rust", 0, -1, false, false},
        {"rust/src/codec.rs", "src/codec.rs", "rust", 0, -1, false, false},
        {"rust/src/json.rs", "src/json.rs", "rust", 0, -1, true, false},
        {"rust/src/llm_provider.rs", "src/llm_provider.rs", "rust", 0, -1, true, false},
        {"rust/tests/fuzz.rs", "tests/fuzz.rs", "rust", 0, -1, false, false},
        {"rust/meson.build", "meson.build", "rust", 0, -1, false, false},
        {"rust/Makefile", "Makefile", "rust", 0, -1, false, false},
        {"rust/Cargo.toml", "Cargo.toml", "rust", 0, -1, false, false},
        {"rust/ci.sh", "ci.sh", "rust", 0, -1, false, true},
        {"rust/README.md", "README.md", "rust", 0, -1, false, false},
        {"c/CHANGELOG.md", "CHANGELOG.md", NULL, 0, -1, false, false},
        {"c/LICENSE", "LICENSE", NULL, 0, -1, true, false},
        {"c/gitignore", ".gitignore", NULL, 0, -1, true, false},
        {"c/DIFFERENCES.md", "DIFFERENCES.md", NULL, 0, 1, false, false},
        {"sdk/llm_provider.h", "sdk/llm_provider.h", NULL, 0, -1, true, false},
        {"sdk/llm_json.h", "sdk/llm_json.h", "c", 0, -1, true, false},
    };
    int status = CLI_OK;
    for (size_t i = 0; status == CLI_OK && i < sizeof folders / sizeof folders[0]; i++) {
        char path[NAME_MAX_BYTES + 16];
        (void)snprintf(path, sizeof path, "%s%s", s->name, folders[i]);
        status = make_dir(s, path);
    }
    for (size_t i = 0; status == CLI_OK && i < sizeof files / sizeof files[0]; i++) {
        const bool wanted = (files[i].lang == NULL || strcmp(files[i].lang, family_of(s)) == 0) &&
                            (files[i].needed == 0 || (needs(s) & files[i].needed) != 0) &&
                            (files[i].openai < 0 || files[i].openai == (s->openai ? 1 : 0));
        if (wanted) {
            status =
                write_file(s, files[i].from, files[i].to, files[i].verbatim, files[i].executable ? 0755 : 0);
        }
    }
    for (size_t i = 0; status == CLI_OK && i < N_OPERATIONS; i++) {
        if (s->wanted[i]) {
            status = write_operation(s, &operations[i]);
        }
    }
    return status;
}

// make check, with this very program.
static int build(struct scaffold *s) {
    char self[4096], command[NAME_MAX_BYTES + 64];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    (void)snprintf(command, sizeof command, "make -s -C %s check LLM_MASTER=\"$0\"", s->name);
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, self, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        cli_say(s->cli, NULL, "%s was written, but \"make check\" in it does not pass: see above", s->name);
        return CLI_FAILED;
    }
    return CLI_OK;
}

int cli_plugins_new(struct cli *cli, struct cli_args *args) {
    struct scaffold s = {.cli = cli, .lang = "c", .auth = "bearer", .build = true};
    args->table = options;
    args->n_table = sizeof options / sizeof options[0];
    int status = read_args(&s, args);
    if (status != CLI_OK) {
        return status == CLI_INTERRUPTED ? CLI_OK : status;
    }
    for (size_t i = 0; s.name != NULL && s.name[i] != '\0'; i++) {
        s.upper[i] = s.name[i] >= 'a' && s.name[i] <= 'z' ? (char)(s.name[i] - 'a' + 'A') : s.name[i];
    }
    if (!find_templates(&s)) {
        cli_say(cli, NULL, "the templates are not installed: they belong into %s", LLM_TEMPLATEDIR);
        return CLI_CONFIG;
    }
    status = write_all(&s);
    if (status == CLI_OK && s.build) {
        status = build(&s);
    }
    if (status == CLI_OK && !cli->quiet) {
        (void)printf(
            "%s is ready: look for CHANGE in %s/src, then \"make check\" and \"make install\" there\n",
            s.name, s.name);
    }
    return status;
}
