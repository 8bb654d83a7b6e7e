#include "model/huge_pages.h"

#include <cstdint>

#include <c10/util/accumulate.h>
#include <sys/mman.h>
#include <torch/utils.h>

namespace rlhf {
namespace {

constexpr std::uintptr_t kHuge = std::uintptr_t{1} << 21;
constexpr std::size_t kOwnMapping = std::size_t{1}
                                    << 25;  // bytes; what is smaller reuses what others gave back

/// A hint, never an error.
void prefer_huge_pages(void* memory, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory), end = begin + bytes;
  const std::uintptr_t first = (begin + kHuge - 1) / kHuge * kHuge, last = end / kHuge * kHuge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace

torch::Tensor empty_in_huge_pages(at::IntArrayRef sizes, torch::ScalarType dtype) {
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(sizes)) * c10::elementSize(dtype);
  const std::size_t mapped = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;  // one more, to begin at a page
  void* memory = MAP_FAILED;
  if (bytes >= kOwnMapping)
    memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    const torch::Tensor tensor = torch::empty(sizes, dtype);
    prefer_huge_pages(tensor.mutable_data_ptr(), bytes);
    return tensor;
  }
  prefer_huge_pages(memory, mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return torch::from_blob(
      reinterpret_cast<void*>((address + kHuge - 1) / kHuge * kHuge), sizes,
      [memory, mapped](void*) { munmap(memory, mapped); }, dtype);
}

}  // namespace rlhf
