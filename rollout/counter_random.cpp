#include "rollout/counter_random.h"

namespace rlhf {
namespace {

uint32_t high(uint64_t x) {
  return static_cast<uint32_t>(x >> 32);
}
uint32_t low(uint64_t x) {
  return static_cast<uint32_t>(x);
}

}  // namespace

PhiloxBlock philox4x32(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key0, low(product1), high(product0) ^ counter[3] ^ key1,
               low(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

double uniform_draw(const DrawKey& key) {
  // The key has more words than one Philox block: the first block's output becomes the second one's key.
  const auto iteration = static_cast<uint64_t>(key.iteration), prompt = static_cast<uint64_t>(key.prompt);
  const PhiloxBlock outer =
      philox4x32({low(iteration), high(iteration), low(prompt), high(prompt)}, low(key.seed), high(key.seed));
  const PhiloxBlock inner =
      philox4x32({static_cast<uint32_t>(key.sample), static_cast<uint32_t>(key.position), outer[2], outer[3]},
                 outer[0], outer[1]);
  const uint64_t bits = (uint64_t{inner[0]} << 32 | inner[1]) >> 11;
  return (static_cast<double>(bits) + 0.5) * 0x1.0p-53;
}

}  // namespace rlhf
