// SPDX-License-Identifier: MIT
#include "check_main.h"

#include <stdlib.h>
#include <unistd.h>

#include "elf_image.h"
#include "plugin/elf.h"

static struct elf_image image;
static struct llm_elf *elf;
static struct llm_reason why;

static void begin(void) {
    elf_image_init(&image);
    elf = calloc(1, sizeof *elf);
    ck_assert_ptr_nonnull(elf);
}

static void finish(void) {
    free(elf);
}

static llm_status open_image(size_t size) {
    why.text[0] = '\0';
    return llm_elf_open(elf, -1, (const uint8_t *)&image, size, &why);
}

static void ck_open(void) {
    ck_assert_msg(open_image(sizeof image) == LLM_OK, "%s", why.text);
}

static void ck_refused(llm_status status, const char *name, const char *part) {
    ck_assert_msg(status == LLM_E_DENIED, "%s: not refused but %d", name, (int)status);
    ck_assert_msg(strstr(why.text, part) != NULL, "%s: \"%s\" is not in: %s", name, part, why.text);
}

START_TEST(reads_the_smallest_plugin) {
    ck_open();
    ck_assert_uint_eq(elf->n_loads, 1);
    ck_assert_uint_eq(elf->n_notes, 1);
    ck_assert_uint_eq(elf->n_dynamic, IMAGE_LAST);
    ck_assert_uint_eq(elf->n_symbols, IMAGE_SYMBOLS);
    struct llm_elf_symbol symbol;
    ck_assert(llm_elf_symbol(elf, 1, &symbol));
    ck_assert(llm_str_is(symbol.name, "memcpy") && !symbol.is_defined);
    ck_assert(llm_elf_symbol(elf, 2, &symbol));
    ck_assert(llm_str_is(symbol.name, "llm_provider_entry_v1") && symbol.is_defined);
    ck_assert_uint_eq(symbol.bind, STB_GLOBAL);
    ck_assert_uint_eq(symbol.type, STT_FUNC);
    ck_assert(llm_elf_is_in(elf, symbol.value, PF_X));
    ck_assert(!llm_elf_is_in(elf, symbol.value, PF_W));
    ck_assert(!llm_elf_is_in(elf, sizeof image, PF_X));
    ck_assert(!llm_elf_symbol(elf, IMAGE_SYMBOLS, &symbol));
    ck_assert(!llm_elf_symbol(elf, UINT32_MAX, &symbol));
}
END_TEST

START_TEST(counts_symbols_by_either_hash) {
    elf_image_tag(&image, IMAGE_HASH, DT_GNU_HASH, IMAGE_AT(gnu_hash));
    ck_open();
    ck_assert_uint_eq(elf->n_symbols, IMAGE_SYMBOLS);
    image.gnu_hash.buckets[0] = 0; // exports nothing
    ck_open();
    ck_assert_uint_eq(elf->n_symbols, 2);
    elf_image_tag(&image, IMAGE_EXTRA, DT_HASH, IMAGE_AT(hash)); // the loader goes by the other one
    ck_open();
    ck_assert_uint_eq(elf->n_symbols, 2);
}
END_TEST

// ---- one change each ----------------------------------------------------------------------------------------

#define CHANGE(name, statement)                                                                              \
    static void name(void) {                                                                                 \
        statement;                                                                                           \
    }
#define SEGMENT(which) image.segments[IMAGE_##which]

CHANGE(other_magic, image.header.e_ident[1] = 'e')
CHANGE(other_class, image.header.e_ident[EI_CLASS] = 9)
CHANGE(other_order, image.header.e_ident[EI_DATA] = 9)
CHANGE(other_version, image.header.e_version = 9)
CHANGE(other_machine, image.header.e_machine = 9)
CHANGE(other_type, image.header.e_type = ET_EXEC)
CHANGE(no_segments, image.header.e_phnum = 0)
CHANGE(odd_segments, image.header.e_phentsize = 8)
CHANGE(many_segments, image.header.e_phnum = 0xffff)
CHANGE(far_segments, image.header.e_phoff = sizeof image - 8)
CHANGE(endless_segments, image.header.e_phoff = UINTPTR_MAX)
CHANGE(far_sections,
       (image.header.e_shoff = sizeof image - 1, image.header.e_shnum = 1, image.header.e_shentsize = 64))
CHANGE(endless_sections,
       (image.header.e_shoff = UINTPTR_MAX, image.header.e_shnum = 1, image.header.e_shentsize = 64))
CHANGE(long_load, SEGMENT(LOAD).p_filesz = SEGMENT(LOAD).p_memsz = sizeof image + 1)
CHANGE(endless_load, SEGMENT(LOAD).p_filesz = SEGMENT(LOAD).p_memsz = UINTPTR_MAX)
CHANGE(shrunk_load, SEGMENT(LOAD).p_memsz = 16)
CHANGE(odd_alignment, SEGMENT(LOAD).p_align = 3)
CHANGE(odd_offset, SEGMENT(LOAD).p_vaddr = 1)
CHANGE(much_memory, SEGMENT(LOAD).p_memsz = LLM_ELF_MEMORY_BYTES + 1)
CHANGE(high_address, SEGMENT(LOAD).p_vaddr = UINTPTR_MAX & ~(ElfW(Addr))4095)
CHANGE(writable_code, SEGMENT(LOAD).p_flags |= PF_W)
CHANGE(overlap, SEGMENT(SPARE) = SEGMENT(LOAD))
CHANGE(same_page, (SEGMENT(SPARE) = (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R, .p_align = 4096},
                   SEGMENT(SPARE).p_vaddr = sizeof image, SEGMENT(SPARE).p_memsz = 8))
CHANGE(executable_stack, SEGMENT(STACK).p_flags |= PF_X)
CHANGE(no_stack, SEGMENT(STACK).p_type = PT_NULL)
CHANGE(no_dynamic, SEGMENT(DYNAMIC).p_type = PT_NULL)
CHANGE(two_dynamic, SEGMENT(SPARE) = SEGMENT(DYNAMIC))
CHANGE(no_load, SEGMENT(LOAD).p_type = PT_NULL)
CHANGE(far_dynamic, SEGMENT(DYNAMIC).p_vaddr = sizeof image)
CHANGE(endless_dynamic, SEGMENT(DYNAMIC).p_vaddr = UINTPTR_MAX)
CHANGE(dynamic_without_end, SEGMENT(DYNAMIC).p_filesz = IMAGE_LAST * sizeof(ElfW(Dyn)))
CHANGE(long_note_segment, SEGMENT(NOTE).p_filesz = sizeof image)
CHANGE(text_relocations, elf_image_tag(&image, IMAGE_EXTRA, DT_TEXTREL, 0))
CHANGE(text_relocations_flag, elf_image_tag(&image, IMAGE_EXTRA, DT_FLAGS, DF_TEXTREL))
CHANGE(program, elf_image_tag(&image, IMAGE_EXTRA_2, DT_FLAGS_1, DF_1_PIE))
CHANGE(no_strings, elf_image_tag(&image, IMAGE_STRTAB, DT_DEBUG, 0))
CHANGE(no_strings_size, elf_image_tag(&image, IMAGE_STRSZ, DT_DEBUG, 0))
CHANGE(far_strings, elf_image_tag(&image, IMAGE_STRTAB, DT_STRTAB, sizeof image - 1))
CHANGE(endless_strings, elf_image_tag(&image, IMAGE_STRSZ, DT_STRSZ, UINTPTR_MAX))
CHANGE(no_hash, elf_image_tag(&image, IMAGE_HASH, DT_DEBUG, 0))
CHANGE(far_hash, elf_image_tag(&image, IMAGE_HASH, DT_HASH, sizeof image - 4))
CHANGE(many_symbols, image.hash[1] = LLM_ELF_SYMBOLS + 1)
CHANGE(more_symbols, image.hash[1] = 1000)
CHANGE(no_symbols, elf_image_tag(&image, IMAGE_SYMTAB, DT_DEBUG, 0))
CHANGE(odd_symbols, elf_image_tag(&image, IMAGE_SYMENT, DT_SYMENT, 8))
CHANGE(far_symbols, elf_image_tag(&image, IMAGE_SYMTAB, DT_SYMTAB, sizeof image - 8))
#define GNU elf_image_tag(&image, IMAGE_HASH, DT_GNU_HASH, IMAGE_AT(gnu_hash))
CHANGE(far_gnu_hash, elf_image_tag(&image, IMAGE_HASH, DT_GNU_HASH, sizeof image - 8))
CHANGE(many_buckets, (GNU, image.gnu_hash.n_buckets = UINT32_MAX))
CHANGE(large_bloom, (GNU, image.gnu_hash.n_bloom = UINT32_MAX))
CHANGE(late_first, (GNU, image.gnu_hash.first = UINT32_MAX))
CHANGE(late_bucket, (GNU, image.gnu_hash.buckets[0] = UINT32_MAX))
CHANGE(early_bucket, (GNU, image.gnu_hash.buckets[0] = 1))
CHANGE(chain_without_end, (GNU, memset(image.gnu_hash.chains, 0, sizeof image.gnu_hash.chains)))

static const struct change {
    const char *name;
    void (*change)(void);
    const char *reason;
} changes[] = {
    {"other magic", other_magic, "not an ELF file (it begins with 7f 65 4c 46): put a compiled plugin here"},
    {"other class", other_class, "ELF class 9, this core has "},
    {"other order", other_order, "ELF byte order 9 and version 1, this core has "},
    {"other version", other_version, "compile it for this machine"},
    {"other machine", other_machine, "compiled for machine 9, this core runs on "},
    {"other type", other_type, "ELF type 2, a shared object has 3: link it with -shared"},
    {"no segments", no_segments, "0 program headers of "},
    {"odd segments", odd_segments, "program headers of 8 bytes: the file is damaged, copy it again"},
    {"many segments", many_segments, "65535 program headers"},
    {"far segments", far_segments, "the file is cut off: it has "},
    {"endless segments", endless_segments, "the file is cut off: it has "},
    {"far sections", far_sections, "the file is cut off: it has "},
    {"endless sections", endless_sections, "its headers speak of 18446744073709551615: copy it again"},
    {"long load", long_load, "the file is cut off: it has "},
    {"endless load", endless_load, "the file is cut off: it has "},
    {"shrunk load", shrunk_load, "segment 0 is inconsistent: the file is damaged, copy it again"},
    {"odd alignment", odd_alignment, "segment 0 is inconsistent"},
    {"odd offset", odd_offset, "segment 0 is inconsistent"},
    {"much memory", much_memory,
     "its segments take 1073741825 bytes of memory, a plugin may take 1073741824"},
    {"high address", high_address, "its segments take 18446744073709"},
    {"writable code", writable_code, "segment 0 is writable and executable: link it without"},
    {"overlap", overlap, "segment 1 overlaps the one before: the file is damaged, copy it again"},
    {"same page", same_page, "segment 1 overlaps the one before"},
    {"executable stack", executable_stack, "it wants an executable stack: link it with -Wl,-z,noexecstack"},
    {"no stack", no_stack, "it does not say that its stack is not executable: link it with "},
    {"no dynamic", no_dynamic, "no dynamic segment: link it with -shared"},
    {"two dynamic", two_dynamic, "two dynamic segments: the file is damaged, copy it again"},
    {"no load", no_load, "no loadable segment: link it with -shared"},
    {"far dynamic", far_dynamic, "the dynamic table is not in a loaded segment"},
    {"endless dynamic", endless_dynamic, "the dynamic table is not in a loaded segment"},
    {"dynamic without end", dynamic_without_end, "the dynamic table has no end"},
    {"long note segment", long_note_segment, "the file is cut off: it has "},
    {"text relocations", text_relocations, "it changes its own code when loaded (text relocations)"},
    {"text relocations flag", text_relocations_flag, "(text relocations): compile it with -fPIC"},
    {"program", program, "it is a program, not a shared object: link it with -shared"},
    {"no strings", no_strings, "its string table is missing or outside the file: copy it again"},
    {"no strings size", no_strings_size, "its string table is missing"},
    {"far strings", far_strings, "its string table is missing"},
    {"endless strings", endless_strings, "its string table is missing"},
    {"no hash", no_hash,
     "its symbol hash table is missing, damaged or has over 65536 symbols: copy it again"},
    {"far hash", far_hash, "its symbol hash table is missing"},
    {"many symbols", many_symbols, "its symbol hash table is missing"},
    {"more symbols", more_symbols, "its symbol table is missing or outside the file: copy it again"},
    {"no symbols", no_symbols, "its symbol table is missing"},
    {"odd symbols", odd_symbols, "its symbol table is missing"},
    {"far symbols", far_symbols, "its symbol table is missing"},
    {"far gnu hash", far_gnu_hash, "its symbol hash table is missing"},
    {"many buckets", many_buckets, "its symbol hash table is missing"},
    {"large bloom", large_bloom, "its symbol hash table is missing"},
    {"late first", late_first, "its symbol hash table is missing"},
    {"late bucket", late_bucket, "its symbol hash table is missing"},
    {"early bucket", early_bucket, "its symbol hash table is missing"},
    {"chain without end", chain_without_end, "its symbol hash table is missing"},
};

START_TEST(says_what_is_wrong) {
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        elf_image_init(&image);
        changes[i].change();
        ck_refused(open_image(sizeof image), changes[i].name, changes[i].reason);
    }
}
END_TEST

START_TEST(refuses_every_cut) {
    for (size_t size = 0; size < sizeof image; size++) {
        uint8_t *copy = malloc(size + 1); // exact, so that a read past the end is seen
        memcpy(copy, &image, size);
        const llm_status status = llm_elf_open(elf, -1, copy, size, &why);
        ck_assert_msg(status == LLM_E_DENIED, "%zu bytes", size);
        free(copy);
    }
}
END_TEST

START_TEST(limits_segments_and_dynamic_entries) {
    static uint8_t file[64 << 10];
    struct elf_image *big = (struct elf_image *)(void *)file;
    for (unsigned n = LLM_ELF_SEGMENTS; n <= LLM_ELF_SEGMENTS + 1; n++) {
        memcpy(file, &image, sizeof image);
        ElfW(Phdr) *segments = (ElfW(Phdr) *)(void *)(file + 32768);
        memcpy(segments, image.segments, sizeof image.segments);
        big->header.e_phoff = 32768;
        big->header.e_phnum = (ElfW(Half))(IMAGE_SPARE + n - 1);
        for (unsigned i = 0; i + 1 < n; i++) {
            segments[IMAGE_SPARE + i] = (ElfW(Phdr)){.p_type = PT_LOAD,
                                                     .p_flags = PF_R,
                                                     .p_align = 4096,
                                                     .p_memsz = 1,
                                                     .p_vaddr = (i + 1) * 65536};
        }
        const llm_status status = llm_elf_open(elf, -1, file, sizeof file, &why);
        if (n == LLM_ELF_SEGMENTS) {
            ck_assert_msg(status == LLM_OK, "%s", why.text);
        } else {
            ck_refused(status, "segments", "more than 32 segments: link it with the default layout");
        }
    }
    for (unsigned n = LLM_ELF_DYNAMIC; n <= LLM_ELF_DYNAMIC + 1; n++) {
        memcpy(file, &image, sizeof image);
        ElfW(Dyn) *dynamic = (ElfW(Dyn) *)(void *)(file + 32768);
        memcpy(dynamic, image.dynamic, sizeof image.dynamic);
        for (unsigned i = IMAGE_LAST; i < n; i++) {
            dynamic[i] = (ElfW(Dyn)){.d_tag = DT_DEBUG};
        }
        dynamic[n] = (ElfW(Dyn)){.d_tag = DT_NULL};
        big->segments[IMAGE_LOAD].p_filesz = big->segments[IMAGE_LOAD].p_memsz = sizeof file;
        big->segments[IMAGE_DYNAMIC].p_vaddr = 32768;
        big->segments[IMAGE_DYNAMIC].p_filesz = (n + 1) * sizeof(ElfW(Dyn));
        const llm_status status = llm_elf_open(elf, -1, file, sizeof file, &why);
        if (n == LLM_ELF_DYNAMIC) {
            ck_assert_msg(status == LLM_OK, "%s", why.text);
        } else {
            ck_refused(status, "entries", "more than 512 dynamic entries: link fewer libraries");
        }
    }
}
END_TEST

// ---- notes and strings ------------------------------------------------------------------------------------------

static uint64_t note_at;
static size_t note_len;

static llm_status read_note(void) {
    ck_open();
    return llm_elf_note(elf, "LLMMaster", 1, &note_at, &note_len, &why);
}

START_TEST(finds_the_note) {
    char text[13];
    ck_assert_int_eq(read_note(), LLM_OK);
    ck_assert_uint_eq(note_len, sizeof text);
    ck_assert(llm_elf_read(elf, note_at, text, note_len));
    ck_assert_str_eq(text, "the manifest");
    ck_assert(!llm_elf_read(elf, sizeof image - 1, text, 2));
    ck_assert(!llm_elf_read(elf, UINT64_MAX, text, 2));
}
END_TEST

START_TEST(finds_the_note_among_others) {
    image.note[0].head.n_type = 7;
    ck_assert_int_eq(read_note(), LLM_E_NOT_FOUND);
    image.note[1].head.n_type = 1;
    ck_assert_int_eq(read_note(), LLM_OK);
    ck_assert_uint_eq(note_at, offsetof(struct elf_image, note[1].content));
    image.note[1].owner[0] = 'l';
    ck_assert_int_eq(read_note(), LLM_E_NOT_FOUND);
    image.note[1].owner[0] = 'L';
    image.note[1].head.n_namesz = 9; // without the NUL
    ck_assert_int_eq(read_note(), LLM_E_NOT_FOUND);
    SEGMENT(NOTE).p_type = PT_NULL;
    ck_assert_int_eq(read_note(), LLM_E_NOT_FOUND);
}
END_TEST

START_TEST(finds_a_note_aligned_to_8) {
    uint8_t *bytes = (uint8_t *)&image.note;
    memset(bytes, 0, sizeof image.note);
    const ElfW(Nhdr) head = {.n_namesz = 10, .n_descsz = 5, .n_type = 1};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, "LLMMaster", 10);
    memcpy(bytes + 24, "hello", 5); // 12 + 10 = 22, padded to 24
    SEGMENT(NOTE).p_align = 8;
    SEGMENT(NOTE).p_filesz = 29; // the last padding is missing
    ck_assert_int_eq(read_note(), LLM_OK);
    ck_assert_uint_eq(note_at, offsetof(struct elf_image, note) + 24);
    ck_assert_uint_eq(note_len, 5);
}
END_TEST

START_TEST(refuses_odd_notes) {
    image.note[1].head.n_type = 1;
    ck_refused(read_note(), "two", "2 manifests: write LLM_MANIFEST() in one source file only");
    image.note[1].head.n_descsz = 17;
    ck_refused(read_note(), "long", "a note reaches past its segment: the file is damaged, copy it again");
    image.note[1].head.n_descsz = UINT32_MAX;
    ck_refused(read_note(), "endless", "a note reaches past its segment");
    image.note[1].head.n_descsz = 0;
    image.note[1].head.n_namesz = UINT32_MAX;
    ck_refused(read_note(), "endless name", "a note reaches past its segment");
}
END_TEST

START_TEST(limits_notes) {
    static uint8_t file[(LLM_ELF_NOTES + 1) * sizeof(ElfW(Nhdr)) + sizeof(struct elf_image)];
    struct elf_image *big = (struct elf_image *)(void *)file;
    for (unsigned n = LLM_ELF_NOTES; n <= LLM_ELF_NOTES + 1; n++) {
        memset(file, 0, sizeof file);
        memcpy(file, &image, sizeof image);
        big->segments[IMAGE_NOTE].p_offset = sizeof image;
        big->segments[IMAGE_NOTE].p_filesz = n * sizeof(ElfW(Nhdr));
        ck_assert_int_eq(llm_elf_open(elf, -1, file, sizeof file, &why), LLM_OK);
        const llm_status status = llm_elf_note(elf, "LLMMaster", 1, &note_at, &note_len, &why);
        if (n == LLM_ELF_NOTES) {
            ck_assert_int_eq(status, LLM_E_NOT_FOUND);
        } else {
            ck_refused(status, "notes", "more than 1024 notes");
        }
    }
}
END_TEST

START_TEST(cuts_strings) {
    ck_open();
    ck_assert(llm_str_is(llm_elf_string(elf, 1), "memcpy"));
    ck_assert(llm_str_is(llm_elf_string(elf, 0), ""));
    ck_assert_ptr_null(llm_elf_string(elf, sizeof image.strings).ptr);
    ck_assert_ptr_null(llm_elf_string(elf, UINT64_MAX).ptr);
    memset(image.strings, 'x', sizeof image.strings); // no NUL at all
    ck_open();
    ck_assert_uint_eq(llm_elf_string(elf, 0).len, LLM_ELF_STRING_BYTES);
    ck_assert_uint_eq(llm_elf_string(elf, sizeof image.strings - 3).len, 3);
    struct llm_elf_symbol symbol;
    image.symbols[1].st_name = sizeof image.strings;
    ck_open();
    ck_assert(!llm_elf_symbol(elf, 1, &symbol));
}
END_TEST

START_TEST(reads_from_a_descriptor_beyond_one_window) {
    char path[] = "/tmp/llm-test-elf-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)unlink(path);
    const off_t size = 4 * LLM_ELF_WINDOW_BYTES;
    const off_t note_offset = 3 * LLM_ELF_WINDOW_BYTES - 20;
    SEGMENT(NOTE).p_offset = (ElfW(Off))note_offset;
    ck_assert_int_eq(ftruncate(fd, size), 0);
    ck_assert_int_eq((int)pwrite(fd, &image, sizeof image, 0), (int)sizeof image);
    ck_assert_int_eq((int)pwrite(fd, image.note, sizeof image.note, note_offset), (int)sizeof image.note);
    ck_assert_int_eq(llm_elf_open(elf, fd, NULL, (uint64_t)size, &why), LLM_OK);
    ck_assert_int_eq(llm_elf_note(elf, "LLMMaster", 1, &note_at, &note_len, &why), LLM_OK);
    ck_assert_uint_eq(note_at, (uint64_t)note_offset + offsetof(struct elf_image, note[0].content) -
                                   offsetof(struct elf_image, note));
    // It becomes shorter while it is read: no crash, no endless loop.
    ck_assert_int_eq(ftruncate(fd, 100), 0);
    ck_assert_int_eq(llm_elf_open(elf, fd, NULL, (uint64_t)size, &why), LLM_E_DENIED);
    (void)close(fd);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("elf");
    TCase *tests = tcase_create("elf");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, reads_the_smallest_plugin);
    tcase_add_test(tests, counts_symbols_by_either_hash);
    tcase_add_test(tests, says_what_is_wrong);
    tcase_add_test(tests, refuses_every_cut);
    tcase_add_test(tests, limits_segments_and_dynamic_entries);
    tcase_add_test(tests, finds_the_note);
    tcase_add_test(tests, finds_the_note_among_others);
    tcase_add_test(tests, finds_a_note_aligned_to_8);
    tcase_add_test(tests, refuses_odd_notes);
    tcase_add_test(tests, limits_notes);
    tcase_add_test(tests, cuts_strings);
    tcase_add_test(tests, reads_from_a_descriptor_beyond_one_window);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
