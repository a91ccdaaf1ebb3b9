// SPDX-License-Identifier: MIT
// A program that looks like a plugin.
#include "gallery.h"

int main(void) {
    return llm_provider_entry_v1() == NULL;
}
