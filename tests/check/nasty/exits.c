// SPDX-License-Identifier: MIT
#define DEFECT_EXITS
#include "nasty.h"
