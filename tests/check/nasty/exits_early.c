// SPDX-License-Identifier: MIT
#define DEFECT_EXITS_EARLY
#include "nasty.h"
