// The emulated tile registers against plain loops, and that they refuse what a CPU would refuse.
#include <immintrin.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <random>

#include "tile_rows.h"

namespace {

int failures = 0;

void check(bool condition, const char* what) {
  if (condition) return;
  failures++;
  std::printf("FAILED: %s\n", what);
}

constexpr int kRows = 5, kChannels = 7, kGroups = 3;  // of four bytes

// Tile 0 is kRows x kChannels sums, tile 1 kRows x kGroups, tile 2 kGroups x kChannels words.
emulated::Shapes shapes() {
  emulated::Shapes s = {};
  s.palette = 1;
  s.rows[0] = s.rows[1] = kRows;
  s.rows[2] = kGroups;
  s.bytes[0] = s.bytes[2] = 4 * kChannels;
  s.bytes[1] = 4 * kGroups;
  return s;
}

void configure() {
  const emulated::Shapes s = shapes();
  _tile_loadconfig(&s);
}

std::mt19937 generator(0);

void test_bytes() {
  uint8_t a[kRows][4 * kGroups];
  int8_t b[kGroups][4 * kChannels];
  int32_t c[kRows][kChannels], expected[kRows][kChannels];
  for (auto& row : a) {
    for (uint8_t& x : row) x = uint8_t(generator());
  }
  for (auto& row : b) {
    for (int8_t& x : row) x = int8_t(generator());
  }
  for (int i = 0; i < kRows; i++) {
    for (int j = 0; j < kChannels; j++) {
      c[i][j] = expected[i][j] = int32_t(generator() >> 8);
      for (int k = 0; k < 4 * kGroups; k++) expected[i][j] += a[i][k] * b[k / 4][4 * j + k % 4];
    }
  }
  configure();
  _tile_loadd(0, c, sizeof(c[0]));
  _tile_loadd(1, a, sizeof(a[0]));
  _tile_loadd(2, b, sizeof(b[0]));
  _tile_dpbusd(0, 1, 2);
  _tile_stored(0, c, sizeof(c[0]));
  _tile_release();
  check(std::memcmp(c, expected, sizeof(c)) == 0, "u8 x s8");
}

void test_bfloat16() {
  uint16_t a[kRows][2 * kGroups], b[kGroups][2 * kChannels];
  for (int i = 0; i < kRows; i++) {
    for (int k = 0; k < 2 * kGroups; k++) a[i][k] = uint16_t(k % 2 == 0 ? 0x3f80 : 0x4000);  // 1, 2
  }
  for (auto& row : b) {
    for (int j = 0; j < 2 * kChannels; j++) row[j] = uint16_t(j % 2 == 0 ? 0x4040 : 1);  // 3, subnormal
  }
  float c[kRows][kChannels];
  configure();
  _tile_zero(0);
  _tile_loadd(1, a, sizeof(a[0]));
  _tile_loadd(2, b, sizeof(b[0]));
  _tile_dpbf16ps(0, 1, 2);
  _tile_stored(0, c, sizeof(c[0]));
  _tile_release();
  for (const auto& row : c) {
    for (float x : row) check(x == 3.0f * kGroups, "bfloat16: subnormal numbers are zero");
  }
}

// `f` in a process of its own ends it.
template <typename F>
void check_refused(const char* what, F f) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) != nullptr) f();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check(WIFSIGNALED(status) || WEXITSTATUS(status) != 0, what);
}

template <typename Change>
void check_config_refused(const char* what, Change change) {
  check_refused(what, [&] {
    emulated::Shapes s = shapes();
    change(s);
    _tile_loadconfig(&s);
  });
}

void test_refusals() {
  char memory[1024] = {};
  check_refused("no configuration", [&] { _tile_loadd(0, memory, 64); });
  check_refused("given back", [&] {
    configure();
    _tile_release();
    _tile_zero(0);
  });
  check_refused("a tile without a shape", [&] {
    configure();
    _tile_stored(3, memory, 64);
  });
  check_refused("shapes that do not fit", [&] {
    configure();
    _tile_dpbusd(0, 2, 1);
  });
  check_refused("a product of a tile with itself", [&] {
    configure();
    _tile_dpbusd(0, 1, 1);
  });
  check_config_refused("palette", [](emulated::Shapes& s) { s.palette = 2; });
  check_config_refused("start row", [](emulated::Shapes& s) { s.start_row = 1; });
  check_config_refused("reserved", [](emulated::Shapes& s) { s.reserved[3] = 1; });
  check_config_refused("17 rows", [](emulated::Shapes& s) { s.rows[1] = 17; });
  check_config_refused("65 bytes", [](emulated::Shapes& s) { s.bytes[1] = 65; });
  check_config_refused("rows of nothing", [](emulated::Shapes& s) { s.rows[4] = 1; });
  check_config_refused("a ninth tile", [](emulated::Shapes& s) { s.rows[8] = s.bytes[8] = 4; });
}

// As many tiles as rows need: none is left half empty beside another.
void test_rows_apart() {
  const auto apart = [](int64_t rows) { return inc_hf::rows_apart([](int) {}, rows); };
  for (int64_t rows : {1, 16, 17, 32, 49, 64, 96}) check(apart(rows) == 0, "one tile, or an even number");
  for (int64_t rows : {33, 40, 48, 65, 80, 100}) check(apart(rows) == 16, "an odd number of tiles");
  check(inc_hf::rows_apart(nullptr, 40) == 0, "rows of a kernel without tiles");
}

}  // namespace

int main() {
  test_bytes();
  test_bfloat16();
  test_refusals();
  test_rows_apart();
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
