// SPDX-License-Identifier: MIT
#define GALLERY_DESCRIPTOR_ID "org.example.other"
#include "gallery.h"
