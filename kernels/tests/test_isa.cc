// Names and numbers of the ISAs, and which one is chosen: the best, or the one that the command line names.
#include "isa.h"

#include "check.h"
#include "tile_access.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::test;

void test_names() {
  for (Isa isa : kAllIsas) CHECK(parse_isa(isa_name(isa)) == isa, "%s", isa_name(isa));
  check_refused("sse2", [] { parse_isa("sse2"); });
}

// They stand in packed weights.
void test_numbers() {
  const Isa in_order[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512Vnni, Isa::kNeonDot, Isa::kAmx};
  for (int i = 0; i < 6; i++) CHECK(int(in_order[i]) == i, "%s", isa_name(in_order[i]));
}

// AMX as this machine has it, and as it were if its CPU had it.
void test_tile_access() {
  CHECK(ask_for_tiles(false) == TileAccess::kAbsent, "a CPU without tiles");
  const TileAccess here = tile_access();
  if (here == TileAccess::kAbsent) {
    CHECK(ask_for_tiles(true) != TileAccess::kGranted, "the operating system gives what the CPU lacks");
  } else {
    CHECK(ask_for_tiles(true) == here, "another answer the second time");
  }
  CHECK(!is_supported(Isa::kAmx) || here == TileAccess::kGranted, "AMX without its tiles");
  for (Isa isa : kAllIsas) {
    CHECK(!is_refused(isa) || (here == TileAccess::kRefused && isa == Isa::kAmx), "%s", isa_name(isa));
    CHECK(vector_isa(isa) == (isa == Isa::kAmx ? Isa::kAvx512Vnni : isa), "%s", isa_name(isa));
    CHECK(!is_supported(isa) || is_supported(vector_isa(isa)), "%s", isa_name(isa));
  }
}

// `name` as INC_HF_ISA has it: what it names, or the best if it is empty.
void test_choice(const char* name) {
  setenv("INC_HF_ISA", name, 1);
  const Isa best = *std::find_if(std::begin(kAllIsas), std::end(kAllIsas), is_supported);
  const Isa wanted = *name == '\0' ? best : parse_isa(name);
  if (is_supported(wanted)) {
    CHECK(current_isa() == wanted, "%s", isa_name(current_isa()));
    std::printf("chosen: %s\n", isa_name(current_isa()));
  } else {
    check_refused(name, current_isa);
    std::printf("refused: %s\n", name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  test_names();
  test_numbers();
  test_tile_access();
  test_choice(argc > 1 ? argv[1] : "");
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
