// SPDX-License-Identifier: MIT
#include "nasty.h"
