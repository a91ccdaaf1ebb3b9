// SPDX-License-Identifier: MIT
// No defect; but it tells when its code runs.
#include <stdlib.h>

__attribute__((constructor)) static void leave_a_trace(void) {
    (void)setenv("LLM_TEST_CONSTRUCTOR", "ran", 1);
}
#include "gallery.h"
