// SPDX-License-Identifier: MIT
#define DEFECT_DROPS_MEMORY
#include "nasty.h"
