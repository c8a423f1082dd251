// How many products of 8-bit integers, or with -DFP32 of floats, a CPU adds per second if nothing but the instructions
// themselves limits it.
//
//     g++ -O3 -std=c++17 -pthread -mavx2 port_limit.cc -o port_limit && ./port_limit THREADS
//
// Prints giga multiply-adds per second of all threads together, for the best ISA of its own compiler flags.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(FP32) && defined(__AVX512F__)
using Vector = __m512;
Vector ones() { return _mm512_set1_ps(1); }
Vector add(Vector acc, Vector x, Vector w) { return _mm512_fmadd_ps(x, w, acc); }
#elif defined(FP32)
using Vector = __m256;
Vector ones() { return _mm256_set1_ps(1); }
Vector add(Vector acc, Vector x, Vector w) { return _mm256_fmadd_ps(x, w, acc); }
#elif defined(__AVX512VNNI__)
using Vector = __m512i;
Vector ones() { return _mm512_set1_epi8(1); }
Vector add(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }
#elif defined(__AVXVNNI__)
using Vector = __m256i;
Vector ones() { return _mm256_set1_epi8(1); }
Vector add(Vector acc, Vector x, Vector w) { return _mm256_dpbusd_avx_epi32(acc, x, w); }
#else
using Vector = __m256i;
Vector ones() { return _mm256_set1_epi8(1); }
Vector add(Vector acc, Vector x, Vector w) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)));
}
#endif

constexpr int kAccumulators = 12;  // more than any latency times the instructions per cycle
#if defined(FP32)
constexpr int kProducts = sizeof(Vector) / sizeof(float);  // of one instruction
#else
constexpr int kProducts = sizeof(Vector);
#endif
constexpr int kSteps = 200000, kRepeats = 300;

void multiply() {
  Vector acc[kAccumulators] = {}, x = ones();
  const Vector w = ones();
  for (int step = 0; step < kSteps; step++) {
    for (Vector& sum : acc) {
      asm volatile("" : "+v"(x));  // for all the compiler knows, x is another one each time
      sum = add(sum, x, w);
    }
  }
  for (Vector& sum : acc) asm volatile("" : : "v"(sum));
}

double best_rate() {
  double best = 0;
  for (int i = 0; i < kRepeats; i++) {
    const auto start = std::chrono::steady_clock::now();
    multiply();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, double{kSteps} * kAccumulators * kProducts / seconds.count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<double> rates(argc > 1 ? std::atoi(argv[1]) : 1);
  std::vector<std::thread> threads;
  for (double& rate : rates) threads.emplace_back([&rate] { rate = best_rate(); });
  for (std::thread& thread : threads) thread.join();
  double total = 0;
  for (double rate : rates) total += rate;
  std::printf("%.2f\n", total / 1e9);
}
