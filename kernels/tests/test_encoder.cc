// Plans with wrong numbers: each is refused, or computes within its memory, which the address sanitizer sees. What an
// encoder computes is compared with torch in tests/ops/test_encoder.py.
#include <limits>
#include <vector>

#include "../tools/random_encoder.h"
#include "check.h"
#include "encoder/forward.h"

using namespace inc_hf;
using namespace inc_hf::test;

namespace {

constexpr int64_t kHidden = 96, kWrong[] = {-2, -1, 0, 1, 2, 63, 64, 95, 97, int64_t{1} << 33, -(int64_t{1} << 60)};

std::vector<float> run(const EncoderPlan& plan, const std::vector<int64_t>& lengths, ParallelFor parallel_for,
                       int64_t threads) {
  std::vector<int64_t> cu = {0};
  for (const int64_t length : lengths) cu.push_back(cu.back() + length);
  generator.seed(1);
  const std::vector<float> x = random_floats(cu.back() * plan.hidden);
  std::vector<float> y(x.size());
  encode(plan, x.data(), cu.data(), static_cast<int64_t>(lengths.size()), y.data(), nullptr, parallel_for, threads);
  return y;
}

void test_wrong_numbers(const RandomEncoder& encoder) {
  int refused = 0, accepted = 0;
  for (size_t i = 0; i < encoder.numbers().size(); i++) {
    for (const int64_t wrong : kWrong) {
      std::vector<int64_t> numbers = encoder.numbers();
      numbers[i] = wrong;
      try {
        const EncoderPlan plan = encoder.plan(numbers);
        if (plan.positions >= 9) run(plan, {9, 1}, serial, 1);
        accepted++;
      } catch (const std::invalid_argument&) {
        refused++;
      }
    }
  }
  CHECK(refused > accepted, "%d of %d wrong numbers are refused", refused, refused + accepted);
}

void test_wrong_lengths(const RandomEncoder& encoder) {
  for (size_t count = 0; count < encoder.numbers().size(); count++) {
    const std::vector<int64_t> cut(encoder.numbers().begin(), encoder.numbers().begin() + count);
    check_refused("a plan that was cut", [&] { encoder.plan(cut); });
  }
  std::vector<int64_t> longer = encoder.numbers();
  longer.push_back(0);
  check_refused("a plan with one more number", [&] { encoder.plan(longer); });
}

// However the rows are shared, each has the same bits.
void test_threads(const RandomEncoder& encoder) {
  const EncoderPlan plan = encoder.plan();
  for (const std::vector<int64_t>& lengths :
       {std::vector<int64_t>{200}, {7}, {40, 40}, {3, 150, 20}, {64, 64, 64, 64, 1}, std::vector<int64_t>(70, 5)}) {
    const std::vector<float> alone = run(plan, lengths, serial, 1);
    for (const int64_t threads : {2, 3, 4}) {
      CHECK(run(plan, lengths, threaded, threads) == alone, "other bits with %d threads", int(threads));
    }
  }
}

}  // namespace

int main() {
  for (const double zeros : {0.0, 0.8}) {
    const RandomEncoder encoder(2, kHidden, zeros, zeros == 0.0);
    test_wrong_numbers(encoder);
    test_wrong_lengths(encoder);
    test_threads(encoder);
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
