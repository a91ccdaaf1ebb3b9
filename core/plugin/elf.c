// SPDX-License-Identifier: MIT
#include "plugin/elf.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { HEAD, TABLES, STRINGS }; // windows

#if UINTPTR_MAX > 0xffffffffu
#define NATIVE_CLASS ELFCLASS64
#define NATIVE_CLASS_BITS 64
#else
#define NATIVE_CLASS ELFCLASS32
#define NATIVE_CLASS_BITS 32
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__i386__)
#define NATIVE_MACHINE EM_386
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#elif defined(__arm__)
#define NATIVE_MACHINE EM_ARM
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define NATIVE_MACHINE EM_PPC64
#elif defined(__s390x__)
#define NATIVE_MACHINE EM_S390
#elif defined(__loongarch__)
#define NATIVE_MACHINE 258
#else
#error "name this machine's ELF number here"
#endif

// ---- bytes ------------------------------------------------------------------------------------------

static bool within(uint64_t at, uint64_t len, uint64_t size) {
    return at <= size && len <= size - at;
}

static bool read_at(const struct llm_elf *elf, uint64_t at, uint8_t *p, size_t n) {
    if (!within(at, n, elf->size)) {
        return false;
    }
    if (elf->fd < 0) {
        memcpy(p, elf->bytes + at, n);
        return true;
    }
    while (n > 0) {
        const ssize_t got = pread(elf->fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false; // an error, or the file became shorter
        }
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

static bool window_has(const struct llm_elf_window *window, uint64_t at, size_t len) {
    return at >= window->at && within(at - window->at, len, window->len);
}

// Bytes [at, at + len) of the file, len <= LLM_ELF_WINDOW_BYTES, until the window moves; NULL: they do not exist.
static const uint8_t *view(struct llm_elf *elf, unsigned which, uint64_t at, size_t len) {
    struct llm_elf_window *window = &elf->windows[HEAD];
    if (window_has(window, at, len)) {
        return window->bytes + (at - window->at);
    }
    window = &elf->windows[which];
    if (!window_has(window, at, len)) {
        if (len > LLM_ELF_WINDOW_BYTES || !within(at, len, elf->size)) {
            return NULL;
        }
        const uint64_t left = elf->size - at;
        const size_t n = left < LLM_ELF_WINDOW_BYTES ? (size_t)left : LLM_ELF_WINDOW_BYTES;
        window->len = 0;
        if (!read_at(elf, at, window->bytes, n)) {
            return NULL;
        }
        window->at = at;
        window->len = n;
    }
    return window->bytes + (at - window->at);
}

bool llm_elf_read(struct llm_elf *elf, uint64_t at, void *p, size_t n) {
    const struct llm_elf_window *head = &elf->windows[HEAD];
    if (window_has(head, at, n)) {
        memcpy(p, head->bytes + (at - head->at), n);
        return true;
    }
    return read_at(elf, at, p, n);
}

static bool read_word(struct llm_elf *elf, uint64_t at, uint32_t *ret) {
    const uint8_t *p = view(elf, TABLES, at, sizeof *ret);
    if (p != NULL) {
        memcpy(ret, p, sizeof *ret);
    }
    return p != NULL;
}

// Where in the file the loader finds [vaddr, vaddr + len).
static bool file_range(const struct llm_elf *elf, uint64_t vaddr, uint64_t len, uint64_t *ret_at) {
    for (size_t i = 0; i < elf->n_loads; i++) {
        const struct llm_elf_segment *load = &elf->loads[i];
        if (vaddr >= load->vaddr && within(vaddr - load->vaddr, len, load->filesz)) {
            *ret_at = load->at + (vaddr - load->vaddr);
            return true;
        }
    }
    return false;
}

bool llm_elf_is_in(const struct llm_elf *elf, uint64_t vaddr, uint32_t flags) {
    for (size_t i = 0; i < elf->n_loads; i++) {
        const struct llm_elf_segment *load = &elf->loads[i];
        if ((load->flags & flags) == flags && vaddr >= load->vaddr && vaddr - load->vaddr < load->memsz) {
            return true;
        }
    }
    return false;
}

// ---- header and segments ----------------------------------------------------------------------------

static llm_status refuse_cut(const struct llm_elf *elf, uint64_t end, struct llm_reason *why) {
    return llm_refuse(
        why, "the file is cut off: it has %" PRIu64 " bytes, its headers speak of %" PRIu64 ": copy it again",
        elf->size, end);
}

// at + len for messages, without wrapping.
static uint64_t end_of(uint64_t at, uint64_t len) {
    return len > UINT64_MAX - at ? UINT64_MAX : at + len;
}

static llm_status read_header(struct llm_elf *elf, ElfW(Ehdr) * header, struct llm_reason *why) {
    const uint8_t *p = view(elf, HEAD, 0, SELFMAG);
    if (p == NULL) {
        return llm_refuse(why, "not an ELF file (%" PRIu64 " bytes): put a compiled plugin here", elf->size);
    }
    if (memcmp(p, ELFMAG, SELFMAG) != 0) {
        return llm_refuse(why,
                          "not an ELF file (it begins with %02x %02x %02x %02x): put a compiled plugin here",
                          p[0], p[1], p[2], p[3]);
    }
    p = view(elf, HEAD, 0, sizeof *header);
    if (p == NULL) {
        return refuse_cut(elf, sizeof *header, why);
    }
    memcpy(header, p, sizeof *header);
    if (p[EI_CLASS] != NATIVE_CLASS) {
        return llm_refuse(why, "ELF class %u, this core has %u (%d bit): compile it for this machine",
                          p[EI_CLASS], NATIVE_CLASS, NATIVE_CLASS_BITS);
    }
    if (p[EI_DATA] != NATIVE_DATA || p[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT) {
        return llm_refuse(
            why, "ELF byte order %u and version %u, this core has %u and %u: compile it for this machine",
            p[EI_DATA], p[EI_VERSION], NATIVE_DATA, EV_CURRENT);
    }
    if (header->e_machine != NATIVE_MACHINE) {
        return llm_refuse(why, "compiled for machine %u, this core runs on %u: compile it for this machine",
                          header->e_machine, NATIVE_MACHINE);
    }
    if (header->e_type != ET_DYN) {
        return llm_refuse(why, "ELF type %u, a shared object has %u: link it with -shared", header->e_type,
                          ET_DYN);
    }
    return LLM_OK;
}

static bool power_of_two(uint64_t n) {
    return (n & (n - 1)) == 0;
}

static llm_status add_load(struct llm_elf *elf, const ElfW(Phdr) * ph, uint64_t page,
                           struct llm_reason *why) {
    if (elf->n_loads == LLM_ELF_SEGMENTS) {
        return llm_refuse(why, "more than %u segments: link it with the default layout", LLM_ELF_SEGMENTS);
    }
    if (ph->p_filesz > ph->p_memsz || !power_of_two(ph->p_align) ||
        (ph->p_filesz > 0 && ph->p_vaddr % page != ph->p_offset % page)) {
        return llm_refuse(why, "segment %zu is inconsistent: the file is damaged, copy it again",
                          elf->n_loads);
    }
    if ((ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
        return llm_refuse(
            why, "segment %zu is writable and executable: link it without -z execstack, -N or -omagic",
            elf->n_loads);
    }
    if (!within(ph->p_vaddr, ph->p_memsz, LLM_ELF_MEMORY_BYTES)) {
        return llm_refuse(why, "its segments take %" PRIu64 " bytes of memory, a plugin may take %" PRIu64,
                          end_of(ph->p_vaddr, ph->p_memsz), LLM_ELF_MEMORY_BYTES);
    }
    if (elf->n_loads > 0) {
        const struct llm_elf_segment *last = &elf->loads[elf->n_loads - 1];
        // The kernel maps whole pages: two segments on one page would show other bytes than those checked here.
        if ((ph->p_vaddr & ~(page - 1)) < last->vaddr + last->memsz) {
            return llm_refuse(why, "segment %zu overlaps the one before: the file is damaged, copy it again",
                              elf->n_loads);
        }
    }
    elf->loads[elf->n_loads++] = (struct llm_elf_segment){
        .vaddr = ph->p_vaddr,
        .memsz = ph->p_memsz,
        .at = ph->p_offset,
        .filesz = ph->p_filesz,
        .flags = ph->p_flags,
    };
    return LLM_OK;
}

static llm_status add_segment(struct llm_elf *elf, const ElfW(Phdr) * ph, uint64_t page,
                              struct llm_reason *why) {
    switch (ph->p_type) {
    case PT_LOAD: return add_load(elf, ph, page, why);
    case PT_NOTE:
        if (elf->n_notes == LLM_ELF_SEGMENTS) {
            return llm_refuse(why, "more than %u note segments: link it with the default layout",
                              LLM_ELF_SEGMENTS);
        }
        elf->notes[elf->n_notes++] = (struct llm_elf_segment){
            .at = ph->p_offset,
            .filesz = ph->p_filesz,
            .align = ph->p_align == 8 ? 8 : 4,
        };
        return LLM_OK;
    default: return LLM_OK;
    }
}

static llm_status read_segments(struct llm_elf *elf, const ElfW(Ehdr) * header, ElfW(Phdr) * ret_dynamic,
                                struct llm_reason *why) {
    const uint64_t table = (uint64_t)header->e_phnum * sizeof(ElfW(Phdr));
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phnum == 0 || table > LLM_ELF_WINDOW_BYTES) {
        return llm_refuse(why, "%u program headers of %u bytes: the file is damaged, copy it again",
                          header->e_phnum, header->e_phentsize);
    }
    if (!within(header->e_phoff, table, elf->size)) {
        return refuse_cut(elf, end_of(header->e_phoff, table), why);
    }
    const long page = sysconf(_SC_PAGESIZE);
    bool has_stack = false, has_dynamic = false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) ph;
        if (!llm_elf_read(elf, header->e_phoff + i * sizeof ph, &ph, sizeof ph)) {
            return llm_refuse(why, "cannot read it to its end: copy it again");
        }
        if (ph.p_type != PT_NULL && ph.p_filesz > 0 && !within(ph.p_offset, ph.p_filesz, elf->size)) {
            return refuse_cut(elf, end_of(ph.p_offset, ph.p_filesz), why);
        }
        if (ph.p_type == PT_GNU_STACK) {
            if ((ph.p_flags & PF_X) != 0) {
                return llm_refuse(why, "it wants an executable stack: link it with -Wl,-z,noexecstack");
            }
            has_stack = true;
        } else if (ph.p_type == PT_DYNAMIC) {
            if (has_dynamic) {
                return llm_refuse(why, "two dynamic segments: the file is damaged, copy it again");
            }
            has_dynamic = true;
            *ret_dynamic = ph;
        }
        const llm_status status = add_segment(elf, &ph, page > 0 ? (uint64_t)page : 4096, why);
        if (status != LLM_OK) {
            return status;
        }
    }
    if (!has_stack) {
        return llm_refuse(
            why, "it does not say that its stack is not executable: link it with -Wl,-z,noexecstack");
    }
    if (!has_dynamic || elf->n_loads == 0) {
        return llm_refuse(why, "no %s segment: link it with -shared", has_dynamic ? "loadable" : "dynamic");
    }
    return LLM_OK;
}

// Sections are not loaded, but they lie at the end of the file: a copy that broke off shows here.
static llm_status check_sections(const struct llm_elf *elf, const ElfW(Ehdr) * header,
                                 struct llm_reason *why) {
    if (header->e_shoff == 0) {
        return LLM_OK; // left out by a size optimiser
    }
    const uint64_t table = (uint64_t)header->e_shnum * header->e_shentsize;
    if (!within(header->e_shoff, table, elf->size)) {
        return refuse_cut(elf, end_of(header->e_shoff, table), why);
    }
    return LLM_OK;
}

// ---- the dynamic table -------------------------------------------------------------------------------

static llm_status read_dynamic(struct llm_elf *elf, const ElfW(Phdr) * segment, struct llm_reason *why) {
    uint64_t at = 0;
    // The loader goes by p_vaddr, so p_offset does not matter.
    if (!file_range(elf, segment->p_vaddr, segment->p_filesz, &at)) {
        return llm_refuse(why,
                          "the dynamic table is not in a loaded segment: the file is damaged, copy it again");
    }
    const uint64_t count = segment->p_filesz / sizeof(ElfW(Dyn));
    for (uint64_t i = 0; i < count; i++) {
        ElfW(Dyn) entry;
        const uint8_t *p = view(elf, TABLES, at + i * sizeof entry, sizeof entry);
        if (p == NULL) {
            return llm_refuse(why, "cannot read it to its end: copy it again");
        }
        memcpy(&entry, p, sizeof entry);
        if (entry.d_tag == DT_NULL) {
            return LLM_OK;
        }
        if (elf->n_dynamic == LLM_ELF_DYNAMIC) {
            return llm_refuse(why, "more than %u dynamic entries: link fewer libraries", LLM_ELF_DYNAMIC);
        }
        elf->dynamic[elf->n_dynamic++] = entry;
    }
    return llm_refuse(why, "the dynamic table has no end: the file is damaged, copy it again");
}

// The last entry of a tag counts, as for the loader.
static bool dynamic_get(const struct llm_elf *elf, int64_t tag, uint64_t *ret) {
    for (size_t i = elf->n_dynamic; i > 0; i--) {
        if (elf->dynamic[i - 1].d_tag == tag) {
            *ret = elf->dynamic[i - 1].d_un.d_val;
            return true;
        }
    }
    return false;
}

static llm_status check_flags(const struct llm_elf *elf, struct llm_reason *why) {
    uint64_t value = 0;
    if (dynamic_get(elf, DT_TEXTREL, &value) ||
        (dynamic_get(elf, DT_FLAGS, &value) && (value & DF_TEXTREL) != 0)) {
        return llm_refuse(why,
                          "it changes its own code when loaded (text relocations): compile it with -fPIC");
    }
    if (dynamic_get(elf, DT_FLAGS_1, &value) && (value & DF_1_PIE) != 0) {
        return llm_refuse(why, "it is a program, not a shared object: link it with -shared");
    }
    return LLM_OK;
}

// The number of dynamic symbols is written only in the hash table.
static bool count_by_gnu_hash(struct llm_elf *elf, uint64_t vaddr, uint32_t *ret) {
    uint64_t at = 0;
    uint32_t n_buckets = 0, first = 0, bloom = 0, highest = 0;
    if (!file_range(elf, vaddr, 16, &at) || !read_word(elf, at, &n_buckets) ||
        !read_word(elf, at + 4, &first) || !read_word(elf, at + 8, &bloom)) {
        return false;
    }
    const uint64_t buckets = vaddr + 16 + (uint64_t)bloom * sizeof(ElfW(Addr));
    if (n_buckets > LLM_ELF_SYMBOLS || bloom > LLM_ELF_SYMBOLS || first > LLM_ELF_SYMBOLS ||
        !file_range(elf, buckets, (uint64_t)n_buckets * 4, &at)) {
        return false;
    }
    for (uint32_t i = 0; i < n_buckets; i++) {
        uint32_t symbol = 0;
        if (!read_word(elf, at + (uint64_t)i * 4, &symbol)) {
            return false;
        }
        highest = symbol > highest ? symbol : highest;
    }
    if (highest < first) { // nothing is exported
        *ret = first;
        return highest == 0;
    }
    const uint64_t chains = buckets + (uint64_t)n_buckets * 4;
    for (uint32_t word = 0; (word & 1) == 0; highest++) { // the last one of a chain has bit 0 set
        if (highest >= LLM_ELF_SYMBOLS ||
            !file_range(elf, chains + (uint64_t)(highest - first) * 4, 4, &at) ||
            !read_word(elf, at, &word)) {
            return false;
        }
    }
    *ret = highest;
    return true;
}

static bool count_by_hash(struct llm_elf *elf, uint64_t vaddr, uint32_t *ret) {
    uint64_t at = 0;
    return file_range(elf, vaddr, 8, &at) && read_word(elf, at + 4, ret) && *ret <= LLM_ELF_SYMBOLS;
}

static llm_status read_tables(struct llm_elf *elf, struct llm_reason *why) {
    uint64_t strings = 0, symbols = 0, entry = 0, hash = 0;
    if (!dynamic_get(elf, DT_STRTAB, &strings) || !dynamic_get(elf, DT_STRSZ, &elf->strings_size) ||
        !file_range(elf, strings, elf->strings_size, &elf->strings_at)) {
        return llm_refuse(why, "its string table is missing or outside the file: copy it again");
    }
    bool counted = false;
    if (dynamic_get(elf, DT_GNU_HASH, &hash)) {
        counted = count_by_gnu_hash(elf, hash, &elf->n_symbols);
    } else if (dynamic_get(elf, DT_HASH, &hash)) {
        counted = count_by_hash(elf, hash, &elf->n_symbols);
    }
    if (!counted) {
        return llm_refuse(why,
                          "its symbol hash table is missing, damaged or has over %u symbols: copy it again",
                          LLM_ELF_SYMBOLS);
    }
    if (!dynamic_get(elf, DT_SYMTAB, &symbols) || !dynamic_get(elf, DT_SYMENT, &entry) ||
        entry != sizeof(ElfW(Sym)) ||
        !file_range(elf, symbols, (uint64_t)elf->n_symbols * sizeof(ElfW(Sym)), &elf->symbols_at)) {
        return llm_refuse(why, "its symbol table is missing or outside the file: copy it again");
    }
    return LLM_OK;
}

llm_status llm_elf_open(struct llm_elf *elf, int fd, const uint8_t *bytes, uint64_t size,
                        struct llm_reason *why) {
    elf->fd = fd;
    elf->bytes = bytes;
    elf->size = size;
    elf->n_loads = elf->n_notes = elf->n_dynamic = 0;
    elf->strings_size = elf->n_symbols = 0;
    for (unsigned i = HEAD; i <= STRINGS; i++) {
        elf->windows[i].len = 0;
    }
    ElfW(Ehdr) header;
    ElfW(Phdr) dynamic = {0};
    llm_status status = read_header(elf, &header, why);
    if (status == LLM_OK) {
        status = read_segments(elf, &header, &dynamic, why);
    }
    if (status == LLM_OK) {
        status = check_sections(elf, &header, why);
    }
    if (status == LLM_OK) {
        status = read_dynamic(elf, &dynamic, why);
    }
    if (status == LLM_OK) {
        status = check_flags(elf, why);
    }
    return status == LLM_OK ? read_tables(elf, why) : status;
}

// ---- notes, strings, symbols ---------------------------------------------------------------------------

// What stands between two notes: each part begins at a multiple of align.
static uint64_t padded(uint64_t n, uint64_t align) {
    return (n + align - 1) & ~(align - 1);
}

llm_status llm_elf_note(struct llm_elf *elf, const char *owner, uint32_t type, uint64_t *ret_at,
                        size_t *ret_len, struct llm_reason *why) {
    const size_t owner_size = strlen(owner) + 1;
    size_t seen = 0, found = 0;
    for (size_t i = 0; i < elf->n_notes; i++) {
        const struct llm_elf_segment *segment = &elf->notes[i];
        uint64_t at = segment->at, left = segment->filesz;
        while (left >= sizeof(ElfW(Nhdr))) {
            ElfW(Nhdr) note;
            const uint8_t *p = view(elf, TABLES, at, sizeof note);
            if (p == NULL || ++seen > LLM_ELF_NOTES) {
                return llm_refuse(why, "more than %u notes: the file is damaged, copy it again",
                                  LLM_ELF_NOTES);
            }
            memcpy(&note, p, sizeof note);
            const uint64_t content = padded(sizeof note + (uint64_t)note.n_namesz, segment->align);
            const uint64_t whole = content + padded(note.n_descsz, segment->align);
            if (content + note.n_descsz > left) {
                return llm_refuse(why, "a note reaches past its segment: the file is damaged, copy it again");
            }
            if (note.n_type == type && note.n_namesz == owner_size &&
                (p = view(elf, TABLES, at + sizeof note, owner_size)) != NULL &&
                memcmp(p, owner, owner_size) == 0) {
                *ret_at = at + content;
                *ret_len = note.n_descsz;
                found++;
            }
            at += whole;
            left = whole < left ? left - whole : 0; // the last one may lack its padding
        }
    }
    if (found == 0) {
        return LLM_E_NOT_FOUND;
    }
    if (found > 1) {
        return llm_refuse(why, "%zu manifests: write LLM_MANIFEST() in one source file only", found);
    }
    return LLM_OK;
}

llm_str llm_elf_string(struct llm_elf *elf, uint64_t offset) {
    if (offset >= elf->strings_size) {
        return (llm_str){NULL, 0};
    }
    const uint64_t left = elf->strings_size - offset;
    const size_t len = left < LLM_ELF_STRING_BYTES ? (size_t)left : LLM_ELF_STRING_BYTES;
    const char *p = (const char *)view(elf, STRINGS, elf->strings_at + offset, len);
    return (llm_str){p, p != NULL ? strnlen(p, len) : 0};
}

bool llm_elf_symbol(struct llm_elf *elf, uint32_t index, struct llm_elf_symbol *ret) {
    ElfW(Sym) symbol;
    const uint8_t *p = view(elf, TABLES, elf->symbols_at + (uint64_t)index * sizeof symbol, sizeof symbol);
    if (p == NULL || index >= elf->n_symbols) {
        return false;
    }
    memcpy(&symbol, p, sizeof symbol);
    *ret = (struct llm_elf_symbol){
        .name = llm_elf_string(elf, symbol.st_name),
        .value = symbol.st_value,
        .bind = ELF64_ST_BIND(symbol.st_info),
        .type = ELF64_ST_TYPE(symbol.st_info),
        .visibility = ELF64_ST_VISIBILITY(symbol.st_other),
        .is_defined = symbol.st_shndx != SHN_UNDEF,
    };
    return ret->name.ptr != NULL;
}
