// SPDX-License-Identifier: MIT
// The smallest plugin that the reader takes, as a C object: tests change one number and look what is said.
#ifndef LLM_TEST_ELF_IMAGE_H
#define LLM_TEST_ELF_IMAGE_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { IMAGE_LOAD, IMAGE_DYNAMIC, IMAGE_NOTE, IMAGE_STACK, IMAGE_SPARE, IMAGE_SEGMENTS };
enum {
    IMAGE_STRTAB,
    IMAGE_STRSZ,
    IMAGE_SYMTAB,
    IMAGE_SYMENT,
    IMAGE_HASH,
    IMAGE_EXTRA,
    IMAGE_EXTRA_2,
    IMAGE_LAST,
    IMAGE_TAGS
};
enum { IMAGE_SYMBOLS = 4 };

struct elf_image {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[IMAGE_SEGMENTS];
    struct {
        ElfW(Nhdr) head;
        char owner[12];
        char content[16];
    } note[2];
    ElfW(Sym) symbols[IMAGE_SYMBOLS];
    uint32_t hash[2 + 1 + IMAGE_SYMBOLS]; // DT_HASH: one bucket
    char strings[256];                    // "" at 0, names from 1, room for a test's own from 128
    ElfW(Dyn) dynamic[IMAGE_TAGS];
    uint32_t code[4];
    struct {
        uint32_t n_buckets, first, n_bloom, shift;
        ElfW(Addr) bloom[1];
        uint32_t buckets[1], chains[IMAGE_SYMBOLS - 1];
    } gnu_hash;
};

#define IMAGE_AT(member) ((ElfW(Addr))offsetof(struct elf_image, member))
#define IMAGE_OWN_STRING 128

static inline void elf_image_tag(struct elf_image *image, unsigned index, int64_t tag, uint64_t value) {
    image->dynamic[index].d_tag = (ElfW(Sxword))tag;
    image->dynamic[index].d_un.d_val = (ElfW(Xword))value;
}

// A dynamic entry whose string is the test's own.
static inline void elf_image_string(struct elf_image *image, int64_t tag, const char *text) {
    memcpy(image->strings + IMAGE_OWN_STRING, text, strlen(text) + 1);
    elf_image_tag(image, IMAGE_EXTRA, tag, IMAGE_OWN_STRING);
}

static inline void elf_image_headers(struct elf_image *image) {
    memcpy(image->header.e_ident, ELFMAG, SELFMAG);
    image->header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    image->header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    image->header.e_ident[EI_VERSION] = EV_CURRENT;
    image->header.e_type = ET_DYN;
#if defined(__x86_64__)
    image->header.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    image->header.e_machine = EM_AARCH64;
#else
#error "name this machine's ELF number here"
#endif
    image->header.e_version = EV_CURRENT;
    image->header.e_phoff = IMAGE_AT(segments);
    image->header.e_phentsize = sizeof(ElfW(Phdr));
    image->header.e_phnum = IMAGE_SEGMENTS;
    image->segments[IMAGE_LOAD] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = 4096};
    image->segments[IMAGE_LOAD].p_filesz = image->segments[IMAGE_LOAD].p_memsz = sizeof *image;
    image->segments[IMAGE_DYNAMIC] = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
                                                  .p_offset = IMAGE_AT(dynamic),
                                                  .p_vaddr = IMAGE_AT(dynamic),
                                                  .p_filesz = sizeof image->dynamic};
    image->segments[IMAGE_NOTE] = (ElfW(Phdr)){
        .p_type = PT_NOTE, .p_offset = IMAGE_AT(note), .p_filesz = sizeof image->note, .p_align = 4};
    image->segments[IMAGE_STACK] = (ElfW(Phdr)){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static inline void elf_image_tables(struct elf_image *image) {
    static const char *const names[IMAGE_SYMBOLS] = {"", "memcpy", "llm_provider_entry_v1", "_edata"};
    size_t at = 1;
    for (unsigned i = 1; i < IMAGE_SYMBOLS; i++) {
        memcpy(image->strings + at, names[i], strlen(names[i]) + 1);
        image->symbols[i].st_name = (ElfW(Word))at;
        image->symbols[i].st_info = ELF64_ST_INFO(STB_GLOBAL, i == 3 ? STT_NOTYPE : STT_FUNC);
        image->symbols[i].st_shndx = i == 1 ? SHN_UNDEF : 1;
        image->symbols[i].st_value = i == 1 ? 0 : IMAGE_AT(code);
        at += strlen(names[i]) + 1;
    }
    image->hash[0] = 1;
    image->hash[1] = IMAGE_SYMBOLS;
    image->gnu_hash.n_buckets = image->gnu_hash.n_bloom = image->gnu_hash.first = 1;
    image->gnu_hash.first = 2; // memcpy is not in it
    image->gnu_hash.buckets[0] = 2;
    image->gnu_hash.chains[0] = 0x10;
    image->gnu_hash.chains[1] = 0x21;
    elf_image_tag(image, IMAGE_STRTAB, DT_STRTAB, IMAGE_AT(strings));
    elf_image_tag(image, IMAGE_STRSZ, DT_STRSZ, sizeof image->strings);
    elf_image_tag(image, IMAGE_SYMTAB, DT_SYMTAB, IMAGE_AT(symbols));
    elf_image_tag(image, IMAGE_SYMENT, DT_SYMENT, sizeof(ElfW(Sym)));
    elf_image_tag(image, IMAGE_HASH, DT_HASH, IMAGE_AT(hash));
    elf_image_tag(image, IMAGE_EXTRA, DT_FLAGS, 0);
    elf_image_tag(image, IMAGE_EXTRA_2, DT_FLAGS_1, 0);
    elf_image_tag(image, IMAGE_LAST, DT_NULL, 0);
}

static inline void elf_image_init(struct elf_image *image) {
    memset(image, 0, sizeof *image);
    elf_image_headers(image);
    elf_image_tables(image);
    for (unsigned i = 0; i < 2; i++) {
        image->note[i].head = (ElfW(Nhdr)){.n_namesz = 10, .n_descsz = 13, .n_type = i == 0 ? 1 : 7};
        memcpy(image->note[i].owner, "LLMMaster", 10);
        memcpy(image->note[i].content, i == 0 ? "the manifest" : "another note", 13);
    }
}

#endif
