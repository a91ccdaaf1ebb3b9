// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "elf_image.h"
#include "plugin/rules.h"

static struct elf_image image;
static struct llm_elf *elf;
static struct llm_reason why;
static bool uses_origin;
static const struct llm_manifest manifest = {.libraries = LLM_STR_INIT("[\"libz.so.1\", \"libcjson.so.1\"]")};

static void begin(void) {
    elf_image_init(&image);
    elf = calloc(1, sizeof *elf);
    ck_assert_ptr_nonnull(elf);
}

static void finish(void) {
    free(elf);
}

static llm_status check_image(void) {
    why.text[0] = '\0';
    ck_assert_int_eq(llm_elf_open(elf, -1, (const uint8_t *)&image, sizeof image, &why), LLM_OK);
    return llm_rules_check(elf, &manifest, &uses_origin, &why);
}

static void ck_judged(const char *name, const char *reason) {
    const llm_status status = check_image();
    if (reason == NULL) {
        ck_assert_msg(status == LLM_OK, "%s: %s", name, why.text);
    } else {
        ck_assert_msg(status == LLM_E_DENIED && strstr(why.text, reason) != NULL, "%s: %d %s", name,
                      (int)status, why.text);
    }
}

static const struct {
    int64_t tag;
    const char *text;
    const char *reason; // NULL: fine
    bool uses_origin;
} links[] = {
    {DT_NEEDED, "libc.so.6", NULL, false},
    {DT_NEEDED, "libm.so.6", NULL, false},
    {DT_NEEDED, "libpthread.so.0", NULL, false},
    {DT_NEEDED, "libdl.so.2", NULL, false},
    {DT_NEEDED, "librt.so.1", NULL, false},
    {DT_NEEDED, "libgcc_s.so.1", NULL, false},
    {DT_NEEDED, "libstdc++.so.6", NULL, false},
    {DT_NEEDED, "ld-linux-x86-64.so.2", NULL, false},
    {DT_NEEDED, "ld-linux-aarch64.so.1", NULL, false},
    {DT_NEEDED, "linux-vdso.so.1", NULL, false},
    {DT_NEEDED, "libc.musl-x86_64.so.1", NULL, false},
    {DT_NEEDED, "libcjson.so.1", NULL, false}, // in the manifest
    {DT_NEEDED, "libcjson.so.2", "it needs the library libcjson.so.2: link that in statically, or list it",
     false},
    {DT_NEEDED, "libcurl.so.4", "it needs the library libcurl.so.4", false},
    {DT_NEEDED, "libllm_master.so.0", "it needs the library libllm_master.so.0", false},
    {DT_NEEDED, "/tmp/libc.so.6", "it needs the library /tmp/libc.so.6", false},
    {DT_NEEDED, "libcx.so.6", "it needs the library libcx.so.6", false},
    {DT_NEEDED, "", "it needs the library : link", false},
    {DT_FILTER, "libx.so", "it needs the library libx.so", false},
    {DT_AUXILIARY, "libx.so", "it needs the library libx.so", false},
    {DT_RPATH, "$ORIGIN", NULL, true},
    {DT_RUNPATH, "$ORIGIN/lib", NULL, true},
    {DT_RUNPATH, "${ORIGIN}/lib:$ORIGIN", NULL, true},
    {DT_RUNPATH, "$ORIGINAL", "it looks for libraries in $ORIGINAL: link it without -rpath", false},
    {DT_RUNPATH, "$ORIGIN/..", "it looks for libraries in $ORIGIN/..", false},
    {DT_RUNPATH, "$ORIGIN/a/../../b", "it looks for libraries in ", false},
    {DT_RUNPATH, "$ORIGIN:/opt/lib", "it looks for libraries in ", false},
    {DT_RUNPATH, "$ORIGIN:", "it looks for libraries in ", false}, // an empty one is the current directory
    {DT_RPATH, "lib", "it looks for libraries in lib", false},
    {DT_RPATH, "", "it looks for libraries in ", false},
    {DT_SONAME, "acme.so", NULL, false},
    {DT_SONAME, "libc.so.6", "it calls itself libc.so.6: link it without -soname", false},
};

START_TEST(judges_libraries_and_paths) {
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        elf_image_init(&image);
        elf_image_string(&image, links[i].tag, links[i].text);
        ck_judged(links[i].text, links[i].reason);
        ck_assert_int_eq(uses_origin, links[i].uses_origin);
    }
    elf_image_init(&image);
    elf_image_tag(&image, IMAGE_EXTRA, DT_NEEDED, 100000);
    ck_judged("a name outside the table", "it needs the library : link");
}
END_TEST

START_TEST(limits_search_paths) {
    memset(image.strings + 1, 'x', sizeof image.strings - 2);
    memcpy(image.strings, "$ORIGIN/", 8);
    for (unsigned i = 1; i < IMAGE_SYMBOLS; i++) {
        image.symbols[i].st_name = sizeof image.strings - 1;
    }
    elf_image_tag(&image, IMAGE_EXTRA, DT_RUNPATH, 0);
    ck_judged("as long as a string is read", "it looks for libraries in "); // what follows was not seen
    image.strings[LLM_ELF_STRING_BYTES - 1] = '\0';
    ck_judged("one less", "it does not export llm_provider_entry_v1");
}
END_TEST

// What symbol 3 ("_edata") is turned into.
static const struct {
    const char *name;
    unsigned bind, type, visibility;
    bool is_defined;
    const char *reason; // NULL: fine
} symbols[] = {
    {"_init", STB_GLOBAL, STT_FUNC, STV_DEFAULT, true, NULL},
    {"__bss_start", STB_GLOBAL, STT_NOTYPE, STV_DEFAULT, true, NULL},
    {"helper", STB_LOCAL, STT_FUNC, STV_DEFAULT, true, NULL},
    {"helper", STB_GLOBAL, STT_FUNC, STV_HIDDEN, true, NULL},
    {"helper", STB_GLOBAL, STT_FUNC, STV_INTERNAL, true, NULL},
    {"helper", STB_GLOBAL, STT_FUNC, STV_DEFAULT, false, NULL}, // the linker's business
    {"helper", STB_GLOBAL, STT_FUNC, STV_DEFAULT, true,
     "it exports helper besides its entry: compile it with "},
    {"helper", STB_WEAK, STT_FUNC, STV_DEFAULT, true, "it exports helper besides its entry"},
    {"helper", STB_GNU_UNIQUE, STT_OBJECT, STV_DEFAULT, true, "it exports helper besides its entry"},
    {"helper", STB_GLOBAL, STT_OBJECT, STV_PROTECTED, true, "it exports helper besides its entry"},
    {"llm_provider_entry_v2", STB_GLOBAL, STT_FUNC, STV_DEFAULT, true, NULL},
    {"llm_provider_entry_v", STB_GLOBAL, STT_FUNC, STV_DEFAULT, true,
     "it exports llm_provider_entry_v besides"},
    {"llm_provider_entry_v1x", STB_GLOBAL, STT_FUNC, STV_DEFAULT, true, "it exports llm_provider_entry_v1x"},
    {"llm_query", STB_GLOBAL, STT_FUNC, STV_DEFAULT, false,
     "it wants the symbol llm_query from the core: a plugin"},
    {"llm_query", STB_WEAK, STT_NOTYPE, STV_DEFAULT, false, "it wants the symbol llm_query"},
};

START_TEST(judges_symbols) {
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        elf_image_init(&image);
        memcpy(image.strings + IMAGE_OWN_STRING, symbols[i].name, strlen(symbols[i].name) + 1);
        image.symbols[3].st_name = IMAGE_OWN_STRING;
        image.symbols[3].st_info = (unsigned char)ELF64_ST_INFO(symbols[i].bind, symbols[i].type);
        image.symbols[3].st_other = (unsigned char)symbols[i].visibility;
        image.symbols[3].st_shndx = symbols[i].is_defined ? 1 : SHN_UNDEF;
        ck_judged(symbols[i].name, symbols[i].reason);
    }
}
END_TEST

START_TEST(judges_the_entry) {
    image.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    ck_judged("data", "llm_provider_entry_v1 is not a function");
    image.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
    ck_judged("ifunc", "llm_provider_entry_v1 is not a function");
    image.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    image.symbols[2].st_value = sizeof image;
    ck_judged("outside", "llm_provider_entry_v1 is not a function");
    image.symbols[2].st_value = IMAGE_AT(code);
    image.symbols[2].st_name = sizeof image.strings;
    ck_judged("no name", "symbol 2 lies outside the file: it is damaged, copy it again");
    image.symbols[2].st_name = 1;
    ck_judged("another name", "it exports memcpy besides its entry");
    elf_image_init(&image);
    image.symbols[2].st_other = STV_HIDDEN;
    ck_judged("hidden", "it does not export llm_provider_entry_v1: define the entry as ");
    for (const char *major = "029"; *major != '\0'; major++) {
        char reason[128];
        elf_image_init(&image);
        char *name = strstr(image.strings + 1 + sizeof "memcpy", "_v1");
        ck_assert_ptr_nonnull(name);
        name[2] = *major;
        snprintf(reason, sizeof reason, "it has the entry of ABI %c; this core has ABI 1: use a newer %s",
                 *major, *major > '1' ? "core" : "version of the plugin");
        ck_judged("another major", *major == '0' ? "it does not export llm_provider_entry_v1" : reason);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rules");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, judges_libraries_and_paths);
    tcase_add_test(tests, limits_search_paths);
    tcase_add_test(tests, judges_symbols);
    tcase_add_test(tests, judges_the_entry);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
