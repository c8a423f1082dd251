// The tile registers of AMX in plain C++, for CPUs without them: found in the place of the compiler's header by files
// that are compiled with -I tests/emulated. What a CPU would refuse, or would compute otherwise than it was meant, ends
// the program.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__x86_64__)
#error "no other CPU has tiles"
#endif

namespace emulated {

struct Shapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};

struct Tiles {
  bool configured = false;
  Shapes shapes = {};
  uint8_t data[8][16][64] = {};

  // A thread that ends with tiles has forgotten to give them back.
  ~Tiles() { require(!configured, "the thread keeps its tiles"); }

  static void require(bool condition, const char* what) {
    if (condition) return;
    printf("emulated tiles: %s\n", what);
    fflush(stdout);
    abort();
  }
  int rows(int tile) const {
    require(configured, "there is no configuration");
    require(tile >= 0 && tile < 8, "there is no such tile");
    return shapes.rows[tile];
  }
  int bytes(int tile) const { return shapes.bytes[tile]; }
  void clear(int tile) { memset(data[tile], 0, sizeof(data[tile])); }

  void check_product(int c, int a, int b) const {
    require(c != a && c != b && a != b, "a product of a tile with itself");
    require(rows(c) == rows(a) && bytes(c) == bytes(b) && bytes(a) == 4 * rows(b), "shapes that do not fit");
  }
};

inline thread_local Tiles tiles;

inline void load_config(const void* config) {
  memcpy(&tiles.shapes, config, 64);
  const Shapes& shapes = tiles.shapes;
  bool fits = shapes.palette == 1 && shapes.start_row == 0;
  for (uint8_t byte : shapes.reserved) fits = fits && byte == 0;
  for (int i = 0; i < 16; i++) {
    fits = fits && shapes.rows[i] <= 16 && shapes.bytes[i] <= 64 && (i < 8 || shapes.rows[i] + shapes.bytes[i] == 0);
    fits = fits && (shapes.rows[i] == 0) == (shapes.bytes[i] == 0);
  }
  Tiles::require(fits, "a configuration that no CPU takes");
  tiles.configured = true;
  for (int tile = 0; tile < 8; tile++) tiles.clear(tile);
}

inline void release() { tiles.configured = false; }

inline void zero(int tile) {
  Tiles::require(tiles.rows(tile) > 0, "a tile without rows");
  tiles.clear(tile);
}

// What is beyond the shape of a tile becomes zero.
inline void load(int tile, const void* from, int64_t stride) {
  zero(tile);
  for (int i = 0; i < tiles.rows(tile); i++) {
    memcpy(tiles.data[tile][i], (const char*)from + i * stride, (size_t)tiles.bytes(tile));
  }
}

inline void store(int tile, void* to, int64_t stride) {
  Tiles::require(tiles.rows(tile) > 0, "a tile without rows");
  for (int i = 0; i < tiles.rows(tile); i++) {
    memcpy((char*)to + i * stride, tiles.data[tile][i], (size_t)tiles.bytes(tile));
  }
}

// Sums of four products of bytes, modulo 2^32 as on the CPU.
template <typename A, typename B>
inline void add_bytes(int c, int a, int b) {
  tiles.check_product(c, a, b);
  for (int i = 0; i < tiles.rows(c); i++) {
    const A* const x = (const A*)tiles.data[a][i];
    uint32_t sums[16];
    memcpy(sums, tiles.data[c][i], 64);
    for (int k = 0; k < tiles.rows(b); k++) {
      const B* const w = (const B*)tiles.data[b][k];
      for (int j = 0; j < 16; j++) {  // beyond the shape everything is zero
        int32_t sum = 0;
        for (int l = 0; l < 4; l++) sum += x[4 * k + l] * w[4 * j + l];
        sums[j] += (uint32_t)sum;
      }
    }
    memcpy(tiles.data[c][i], sums, 64);
  }
}

inline float flushed(float x) { return fabsf(x) < 1.17549435e-38f ? copysignf(0.0f, x) : x; }

// Number `i` of a row of bfloat16.
inline float widened(const uint8_t* row, int i) {
  const uint32_t bits = (uint32_t)row[2 * i] << 16 | (uint32_t)row[2 * i + 1] << 24;
  float value;
  memcpy(&value, &bits, 4);
  return flushed(value);
}

// Pairs of bfloat16, the even and the odd ones summed apart; subnormal numbers count as zero. The CPU rounds each sum
// once; so does this, as the product of two numbers of 8 bits is exact.
inline void add_bfloat16(int c, int a, int b) {
  tiles.check_product(c, a, b);
  for (int i = 0; i < tiles.rows(c); i++) {
    float even[16] = {}, odd[16] = {}, sums[16];
    for (int k = 0; k < tiles.rows(b); k++) {
      const float x = widened(tiles.data[a][i], 2 * k), y = widened(tiles.data[a][i], 2 * k + 1);
      for (int j = 0; j < 16; j++) {
        even[j] = flushed(even[j] + x * widened(tiles.data[b][k], 2 * j));
        odd[j] = flushed(odd[j] + y * widened(tiles.data[b][k], 2 * j + 1));
      }
    }
    memcpy(sums, tiles.data[c][i], 64);
    for (int j = 0; j < 16; j++) sums[j] = flushed(flushed(sums[j]) + flushed(even[j] + odd[j]));
    memcpy(tiles.data[c][i], sums, 64);
  }
}

}  // namespace emulated

#define _tile_loadconfig(config) emulated::load_config(config)
#define _tile_release() emulated::release()
#define _tile_zero(tile) emulated::zero(tile)
#define _tile_loadd(tile, from, stride) emulated::load(tile, from, stride)
#define _tile_stored(tile, to, stride) emulated::store(tile, to, stride)
#define _tile_dpbusd(c, a, b) emulated::add_bytes<uint8_t, int8_t>(c, a, b)
#define _tile_dpbuud(c, a, b) emulated::add_bytes<uint8_t, uint8_t>(c, a, b)
#define _tile_dpbssd(c, a, b) emulated::add_bytes<int8_t, int8_t>(c, a, b)
#define _tile_dpbf16ps(c, a, b) emulated::add_bfloat16(c, a, b)
