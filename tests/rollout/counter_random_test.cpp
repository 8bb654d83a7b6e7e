#include "rollout/counter_random.h"

#include <array>
#include <cmath>
#include <set>

#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("Philox gives the known answers of Random123") {
  // kat_vectors of Random123 (Salmon et al. 2011), philox4x32 with 10 rounds.
  CHECK(philox4x32({0, 0, 0, 0}, 0, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t kOnes = 0xffffffff;
  CHECK(philox4x32({kOnes, kOnes, kOnes, kOnes}, kOnes, kOnes) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("every word of a key counts, and equal keys are equal draws") {
  const DrawKey key{11, 2, 3, 4, 5};
  const int64_t high = int64_t{1} << 40;
  std::set<double> draws;
  for (const DrawKey& other :
       {key, DrawKey{12, 2, 3, 4, 5}, DrawKey{11 + (uint64_t{1} << 40), 2, 3, 4, 5}, DrawKey{11, 3, 3, 4, 5},
        DrawKey{11, 2 + high, 3, 4, 5}, DrawKey{11, 2, 4, 4, 5}, DrawKey{11, 2, 3 + high, 4, 5},
        DrawKey{11, 2, 3, 5, 5}, DrawKey{11, 2, 3, 4, 6}, DrawKey{11, 3, 2, 4, 5}, DrawKey{11, 2, 4, 3, 5},
        DrawKey{11, 2, 3, 5, 4}})
    draws.insert(uniform_draw(other));
  CHECK(draws.size() == 12);
  CHECK(uniform_draw(key) == uniform_draw({11, 2, 3, 4, 5}));
}

TEST_CASE("draws along positions, samples and prompts are uniform, and neighbours are not alike") {
  constexpr int64_t kDraws = 16000, kBins = 16;
  for (const int along : {0, 1, 2}) {
    const auto draw = [along](int64_t i) {
      DrawKey key{1, 0, 0, 0, 0};
      (along == 0 ? key.position : along == 1 ? key.sample : key.prompt) = i;
      return uniform_draw(key);
    };
    std::array<double, kBins> single{}, pairs{};
    for (int64_t i = 0; i < kDraws; ++i) {
      const double u = draw(i), next = draw(i + 1);
      REQUIRE((u > 0 && u < 1));
      ++single[static_cast<size_t>(u * kBins)];
      ++pairs[static_cast<size_t>(u * 4) * 4 + static_cast<size_t>(next * 4)];
    }
    for (const auto& counts : {single, pairs}) {
      double chi_square = 0;
      for (const double count : counts) chi_square += (count - 1000) * (count - 1000) / 1000;
      CHECK(chi_square < 37.7);  // 15 degrees of freedom, p = 0.001
    }
  }
}
