// SPDX-License-Identifier: MIT
#define DEFECT_HANG
#include "nasty.h"
