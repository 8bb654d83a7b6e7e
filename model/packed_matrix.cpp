#include "model/packed_matrix.h"

#include <algorithm>
#include <stdexcept>

#include <sys/mman.h>

#include "model/packed_kernels.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

using cpu::kMostPanelRows;
using cpu::kPanelWidth;

int64_t rounded_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Memory that was not touched yet in pages of 2 MiB, where the system has them: a walk over all weights
/// needs few of them.
void prefer_huge_pages(const torch::Tensor& fresh) {
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const auto begin = reinterpret_cast<uintptr_t>(fresh.const_data_ptr()), end = begin + fresh.nbytes();
  const uintptr_t first = (begin + kHuge - 1) / kHuge * kHuge, last = end / kHuge * kHuge;
  if (first < last)
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // a hint: failure is no error
}

/// Rows in blocks of nearly equal size, none above what a kernel takes.
struct RowBlocks {
  explicit RowBlocks(int64_t total) : rows(total), count((total + kMostPanelRows - 1) / kMostPanelRows) {}
  int64_t begin(int64_t block) const { return rows * block / count; }
  int64_t size(int64_t block) const { return begin(block + 1) - begin(block); }
  int64_t rows, count;
};

}  // namespace

PackedMatrix::PackedMatrix(const torch::Tensor& weight, torch::ScalarType dtype)
    : inner_(weight.size(1)), columns_(weight.size(0)) {
  if (!weight.is_cpu() || (dtype != torch::kFloat32 && dtype != torch::kBFloat16))
    throw std::invalid_argument("a matrix is packed on the CPU, as float32 or bfloat16");
  const int64_t panels = rounded_up(columns_, kPanelWidth) / kPanelWidth;
  const int64_t group =
      dtype == torch::kBFloat16 ? 2 : 1;  // neighbours along the inner dimension that stay together
  const int64_t inner = rounded_up(inner_, group);
  torch::Tensor padded = weight.detach().to(dtype);
  if (columns_ != panels * kPanelWidth || inner != inner_)
    padded = torch::constant_pad_nd(padded, {0, inner - inner_, 0, panels * kPanelWidth - columns_});
  panels_ = torch::empty({panels, inner / group, kPanelWidth, group}, dtype);
  prefer_huge_pages(panels_);
  panels_.copy_(padded.view({panels, kPanelWidth, inner / group, group}).permute({0, 2, 1, 3}));
}

void PackedProduct::arrange(const float* x, int64_t rows, int64_t x_stride, const PackedMatrix& weight) {
  const RowBlocks blocks(rows);
  const bool bfloat16 = weight.panels_.scalar_type() == torch::kBFloat16;
  const int64_t inner = weight.inner(), even = rounded_up(inner, 2);
  if (bfloat16)
    bfloats_.assign(static_cast<size_t>(even * rows), cpu::Bfloat16{0});
  else
    floats_.resize(static_cast<size_t>(inner * rows));
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t begin = blocks.begin(block), size = blocks.size(block);
    for (int64_t r = 0; r < size; ++r) {
      const float* row = x + (begin + r) * x_stride;
      if (bfloat16) {
        cpu::Bfloat16* to = bfloats_.data() + begin * even + 2 * r;
        for (int64_t k = 0; k < inner; ++k) cpu::store(to + k / 2 * 2 * size + k % 2, row[k]);
      } else {
        float* to = floats_.data() + begin * inner + r;
        for (int64_t k = 0; k < inner; ++k) to[k * size] = row[k];
      }
    }
  }
}

void PackedProduct::operator()(const PackedMatrix& weight, const float* x, int64_t rows, int64_t x_stride,
                               const float* bias, float* out) {
  arrange(x, rows, x_stride, weight);
  const RowBlocks blocks(rows);
  const bool bfloat16 = weight.panels_.scalar_type() == torch::kBFloat16;
  const int64_t inner = bfloat16 ? rounded_up(weight.inner(), 2) : weight.inner(), columns = weight.columns();
  const auto* panels = static_cast<const char*>(weight.panels_.const_data_ptr());
  const int64_t panel_bytes = inner * kPanelWidth * weight.panels_.element_size();
  const int64_t panel_count = weight.panels_.size(0);
  parallel_for(panel_count, 1, [&](int64_t first, int64_t last) {
    float cut[kMostPanelRows * kPanelWidth];  // of the last panel, when its columns are not all wanted
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t column = panel * kPanelWidth, width = std::min(kPanelWidth, columns - column);
      for (int64_t block = 0; block < blocks.count; ++block) {
        const int64_t begin = blocks.begin(block), size = blocks.size(block);
        const void* input = bfloat16 ? static_cast<const void*>(bfloats_.data() + begin * inner)
                                     : floats_.data() + begin * inner;
        float* to = out + begin * columns + column;
        const bool whole = width == kPanelWidth;
        const cpu::PanelProduct product{panels + panel * panel_bytes, input, whole ? to : cut, inner, size,
                                        whole ? columns : kPanelWidth};
        bfloat16 ? cpu::multiply_panel_bfloat16(product) : cpu::multiply_panel_float(product);
        for (int64_t r = 0; r < size; ++r) {
          float* row = to + r * columns;
          if (!whole) std::copy_n(cut + r * kPanelWidth, width, row);
          if (bias)
            for (int64_t c = 0; c < width; ++c) row[c] += bias[column + c];
        }
      }
    }
  });
}

}  // namespace rlhf
