// SPDX-License-Identifier: MIT
#define DEFECT_KILLS_SIBLINGS
#include "nasty.h"
