#include "model/huge_pages.h"

#include <cstdint>

#include <sys/mman.h>

namespace rlhf {

void prefer_huge_pages(const torch::Tensor& fresh) {
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const auto begin = reinterpret_cast<uintptr_t>(fresh.const_data_ptr()), end = begin + fresh.nbytes();
  const uintptr_t first = (begin + kHuge - 1) / kHuge * kHuge, last = end / kHuge * kHuge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace rlhf
