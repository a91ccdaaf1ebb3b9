// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"id\": \"org.example.other\""
#include "gallery.h"
