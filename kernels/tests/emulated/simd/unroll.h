// Vectors of sixteen lanes in plain C++ take compilers minutes to unroll.
#pragma once

#define INC_HF_UNROLL
