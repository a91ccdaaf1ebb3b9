// SPDX-License-Identifier: MIT
#define DEFECT_RANDOM_BODY
#include "nasty.h"
