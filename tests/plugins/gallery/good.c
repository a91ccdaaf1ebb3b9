// SPDX-License-Identifier: MIT
// No defect: what the others are like without theirs.
#include "gallery.h"
