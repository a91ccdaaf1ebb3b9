// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"generators\": {\"chat\": \"embeddings\"}"
#include "gallery.h"
