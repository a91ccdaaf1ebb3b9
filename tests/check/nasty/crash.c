// SPDX-License-Identifier: MIT
#define DEFECT_CRASH
#include "nasty.h"
