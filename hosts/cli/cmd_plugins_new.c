// SPDX-License-Identifier: MIT
#include "cmd_plugins_new.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPERATIONS_MAX 8
#define NAME_MAX_BYTES 40

static const struct cli_option options[] = {
    {0, "lang", "LANGUAGE", "c (default), cpp or rust"},
    {0, "operation", "OP", "chat (default), embeddings or image; may be given several times (rust: chat)"},
    {0, "auth", "SCHEME", "how the key is sent: bearer (default), header, query or none"},
    {0, "from", "FORMAT", "openai: begin with OpenAI's format and a list of differences to answer"},
    {0, "no-build", NULL, "do not build and check what was written"},
    {0, "help", NULL, "this"},
};

struct scaffold {
    struct cli *cli;
    const char *name, *lang, *auth;
    const char *operations[OPERATIONS_MAX];
    size_t n_operations;
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
    static const char *const operations[] = {"chat", "embeddings", "image", NULL};
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
        if (!is_one_of(args->value, operations)) {
            return cli_usage(
                args->cli, args,
                "--operation is chat, embeddings or image: for another one begin with one of these");
        }
        if (s->n_operations < OPERATIONS_MAX) {
            s->operations[s->n_operations++] = args->value;
        }
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
    if (s->n_operations == 0) {
        s->operations[s->n_operations++] = "chat";
    }
    for (size_t i = 0; strcmp(s->lang, "rust") == 0 && i < s->n_operations; i++) {
        if (strcmp(s->operations[i], "chat") != 0) {
            return cli_usage(args->cli, args, "the template in Rust has chat only");
        }
    }
    return CLI_OK;
}

static bool has(const struct scaffold *s, const char *operation) {
    for (size_t i = 0; i < s->n_operations; i++) {
        if (strcmp(s->operations[i], operation) == 0) {
            return true;
        }
    }
    return false;
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

static void add_json_list(const struct scaffold *s, const char *format, struct host_text *to) {
    static const char *const all[] = {"chat", "embeddings", "image"};
    for (size_t i = 0, n = 0; i < sizeof all / sizeof all[0]; i++) {
        if (has(s, all[i])) {
            host_text_text(to, n++ > 0 ? ", " : "");
            for (const char *p = format; *p != '\0'; p++) {
                if (*p == '%') {
                    host_text_text(to, all[i]);
                } else {
                    host_text_add(to, p, 1);
                }
            }
        }
    }
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
    if (host_same(name, host_str("id"))) {
        host_text_text(to, "com.example.");
        host_text_text(to, s->name);
    } else if (host_same(name, host_str("generators"))) {
        add_json_list(s, "\"%\": \"%\"", to);
    } else if (host_same(name, host_str("models"))) {
        host_text_text(to, "{\"id\": \"");
        host_text_text(to, s->name);
        host_text_text(to, "-1\", \"operation\": [");
        add_json_list(s, "\"%\"", to);
        host_text_text(to, "], \"input_per_mtok\": \"0.15\", \"output_per_mtok\": \"0.60\"}");
    } else if (host_same(name, host_str("auth"))) {
        host_text_text(to, "{\"scheme\": \"");
        host_text_text(to, s->auth);
        host_text_text(to, "\"");
        if (strcmp(s->auth, "header") == 0 || strcmp(s->auth, "query") == 0) {
            host_text_text(to, strcmp(s->auth, "header") == 0 ? ", \"name\": \"x-api-key\""
                                                              : ", \"name\": \"key\"");
        }
        if (strcmp(s->auth, "none") != 0) {
            host_text_text(to, ", \"key_env\": \"");
            host_text_text(to, s->upper);
            host_text_text(to, "_API_KEY\"");
        }
        host_text_text(to, "}");
    } else if (host_same(name, host_str("meson_vectors"))) {
        add_json_list(s, "'--vectors', files('tests/%.vectors.json')", to);
        host_text_text(to, ", ");
    } else {
        return false;
    }
    return true;
}

static bool is_wanted(const struct scaffold *s, llm_str word) {
    if (host_same(word, host_str("openai"))) {
        return s->openai;
    }
    if (host_same(word, host_str("scratch"))) {
        return !s->openai;
    }
    for (size_t i = 0; i < s->n_operations; i++) {
        if (host_same(word, host_str(s->operations[i]))) {
            return true;
        }
    }
    return false;
}

static void fill_line(const struct scaffold *s, llm_str line, struct host_text *to) {
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

// Lines between "// @begin WORD" and "// @end" stay when the word is wanted.
static void fill(const struct scaffold *s, llm_str text, struct host_text *to) {
    bool shown[8] = {true};
    size_t depth = 0;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        const llm_str line = {text.ptr, end != NULL ? (size_t)(end - text.ptr) + 1 : text.len};
        static const char begin[] = "// @begin ", end_mark[] = "// @end";
        size_t blanks = 0;
        while (blanks < line.len && line.ptr[blanks] == ' ') {
            blanks++;
        }
        const char *mark = line.ptr + blanks;
        const size_t n = line.len - blanks;
        if (n > sizeof begin && memcmp(mark, begin, sizeof begin - 1) == 0 && depth + 1 < 8) {
            const llm_str word = {mark + sizeof begin - 1, n - sizeof begin};
            shown[depth + 1] = shown[depth] && is_wanted(s, word);
            depth++;
        } else if (n >= sizeof end_mark && memcmp(mark, end_mark, sizeof end_mark - 1) == 0 && depth > 0) {
            depth--;
        } else if (shown[depth]) {
            fill_line(s, line, to);
        }
        text = (llm_str){text.ptr + line.len, text.len - line.len};
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
    fill_line(s, host_str(to_path), &file);
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

static int write_all(struct scaffold *s) {
    static const char *const folders[] = {"", "/src", "/tests", "/sdk"};
    static const struct {
        const char *from, *to;
        const char *lang, *operation; // NULL: any
        bool verbatim, executable;
        int openai; // -1: either
    } files[] = {
        {"c/plugin.json", "plugin.json", NULL, NULL, false, false, -1},
        {"c/src/codec.c", "src/@name@.@ext@", "c", NULL, false, false, -1},
        {"c/tests/fuzz.c", "tests/fuzz.@ext@", "c", NULL, false, false, -1},
        {"c/manifest.sh", "manifest.sh", "c", NULL, false, true, -1},
        {"c/meson.build", "meson.build", "c", NULL, false, false, -1},
        {"c/Makefile", "Makefile", "c", NULL, false, false, -1},
        {"c/ci.sh", "ci.sh", "c", NULL, false, true, -1},
        {"c/README.md", "README.md", "c", NULL, false, false, -1},
        {"rust/src/lib.rs", "src/lib.rs", "rust", NULL, false, false, -1},
        {"rust/src/json.rs", "src/json.rs", "rust", NULL, true, false, -1},
        {"rust/src/llm_provider.rs", "src/llm_provider.rs", "rust", NULL, true, false, -1},
        {"rust/Makefile", "Makefile", "rust", NULL, false, false, -1},
        {"rust/Cargo.toml", "Cargo.toml", "rust", NULL, false, false, -1},
        {"rust/ci.sh", "ci.sh", "rust", NULL, false, true, -1},
        {"rust/README.md", "README.md", "rust", NULL, false, false, -1},
        {"c/CHANGELOG.md", "CHANGELOG.md", NULL, NULL, false, false, -1},
        {"c/LICENSE", "LICENSE", NULL, NULL, true, false, -1},
        {"c/gitignore", ".gitignore", NULL, NULL, true, false, -1},
        {"c/DIFFERENCES.md", "DIFFERENCES.md", NULL, NULL, false, false, 1},
        {"c/tests/chat-openai.vectors.json", "tests/chat.vectors.json", "c", "chat", false, false, 1},
        {"c/tests/chat-scratch.vectors.json", "tests/chat.vectors.json", NULL, "chat", false, false, 0},
        {"rust/tests/chat-openai.vectors.json", "tests/chat.vectors.json", "rust", "chat", false, false, 1},
        {"c/tests/embeddings.vectors.json", "tests/embeddings.vectors.json", NULL, "embeddings", false, false,
         -1},
        {"c/tests/image.vectors.json", "tests/image.vectors.json", NULL, "image", false, false, -1},
        {"sdk/llm_provider.h", "sdk/llm_provider.h", NULL, NULL, true, false, -1},
        {"sdk/llm_json.h", "sdk/llm_json.h", "c", NULL, true, false, -1},
    };
    const char *family = strcmp(s->lang, "cpp") == 0 ? "c" : s->lang; // the same sources
    int status = CLI_OK;
    for (size_t i = 0; status == CLI_OK && i < sizeof folders / sizeof folders[0]; i++) {
        char path[NAME_MAX_BYTES + 16];
        (void)snprintf(path, sizeof path, "%s%s", s->name, folders[i]);
        status = make_dir(s, path);
    }
    for (size_t i = 0; status == CLI_OK && i < sizeof files / sizeof files[0]; i++) {
        const bool wanted = (files[i].lang == NULL || strcmp(files[i].lang, family) == 0) &&
                            (files[i].operation == NULL || has(s, files[i].operation)) &&
                            (files[i].openai < 0 || files[i].openai == (s->openai ? 1 : 0));
        if (wanted) {
            status =
                write_file(s, files[i].from, files[i].to, files[i].verbatim, files[i].executable ? 0755 : 0);
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
