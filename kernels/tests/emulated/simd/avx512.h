// What surrounds the tiles, without AVX-512.
#pragma once

#include "simd/scalar.h"
