// SPDX-License-Identifier: MIT
// Gives every file of a corpus directory to a fuzz target without libFuzzer: as it is, cut short, and with bytes changed
// by a fixed sequence.  One test a file; whoever fails crashes.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { FILE_BYTES_MAX = 1 << 20, CUTS_MAX = 256, CHANGES = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// A copy of exactly `size` bytes, so that a read past the end is seen.
static void give(const uint8_t *data, size_t size, uint32_t *random) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    for (uint32_t n = random == NULL || size == 0 ? 0 : 1 + next_random(random) % 3; n > 0; n--) {
        copy[next_random(random) % size] = (uint8_t)next_random(random);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const uint8_t *data, size_t size) {
    uint32_t random = 0x9e3779b9u;

    give(data, size, NULL);
    for (size_t i = 0; i < CUTS_MAX && size > 0; i++) {
        give(data, size <= CUTS_MAX ? i % size : next_random(&random) % size, NULL);
    }
    for (int i = 0; i < CHANGES; i++) {
        give(data, size, &random);
    }
}

static int replay_file(const char *path) {
    static uint8_t data[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    replay(data, size);
    return 1;
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv) {
    struct tap tap = {0};
    struct dirent **entries = NULL;
    const int count = argc == 2 ? scandir(argv[1], &entries, is_shown, alphasort) : -1;

    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        tap_result(&tap, replay_file(path), entries[i]->d_name, "cannot be read");
        free(entries[i]);
    }
    free(entries);
    tap_result(&tap, count > 0, "the corpus holds files", "%s",
               argc == 2 ? argv[1] : "usage: replay DIRECTORY");
    return tap_done(&tap);
}
