// SPDX-License-Identifier: MIT
// 64 KiB of blanks, and the rest.
#define BLANKS_64 "                                                                "
#define BLANKS_1K                                                                                            \
    BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64      \
        BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64 BLANKS_64
#define BLANKS_16K                                                                                           \
    BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K      \
        BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K BLANKS_1K
#define GALLERY_MORE BLANKS_16K BLANKS_16K BLANKS_16K BLANKS_16K "\"abi\": {\"major\": 1}"
#include "gallery.h"
