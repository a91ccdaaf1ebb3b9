// SPDX-License-Identifier: MIT
#define DEFECT_KEEPS_CHUNK
#include "nasty.h"
