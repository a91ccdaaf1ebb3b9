// SPDX-License-Identifier: MIT
#define DEFECT_FORKS
#include "nasty.h"
