#include "model/huge_pages.h"

#include <cstdint>

#include <c10/util/accumulate.h>
#include <sys/mman.h>
#include <torch/utils.h>

namespace rlhf {

torch::Tensor empty_in_huge_pages(at::IntArrayRef sizes, torch::ScalarType dtype) {
  constexpr std::size_t kHuge = std::size_t{1} << 21;
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(sizes)) * c10::elementSize(dtype);
  if (bytes < kHuge) return torch::empty(sizes, dtype);
  const std::size_t mapped = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;  // one more, to begin at a page
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return torch::empty(sizes, dtype);  // whose error tells how much was asked for
  const auto address = reinterpret_cast<std::uintptr_t>(memory),
             first = (address + kHuge - 1) / kHuge * kHuge;
  madvise(reinterpret_cast<void*>(first), mapped - kHuge, MADV_HUGEPAGE);
  return torch::from_blob(
      reinterpret_cast<void*>(first), sizes, [memory, mapped](void*) { munmap(memory, mapped); }, dtype);
}

}  // namespace rlhf
