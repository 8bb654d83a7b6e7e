#include "model/packed_matrix.h"

#include <algorithm>
#include <stdexcept>

#include "model/huge_pages.h"
#include "model/packed_kernels.h"
#include "model/panel_packing.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

using cpu::kMostPanelRows;
using cpu::kPanelWidth;

// Of the inner dimension: what is laid out, or multiplied, before the next panel or block has its turn. Of
// the first so few that the pages stay known, of the second so few that panel and rows stay in a core's
// cache.
constexpr int64_t kPackedTogether = 64, kMultipliedTogether = 2048;
constexpr int64_t kBytesOfRows = int64_t{1} << 19;  // that are multiplied with a panel before the next panel

int64_t rounded_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

int64_t panels_of(int64_t columns) {
  return rounded_up(columns, kPanelWidth) / kPanelWidth;
}

int64_t element_bytes(torch::ScalarType dtype) {
  return dtype == torch::kBFloat16 ? 2 : 4;
}

int64_t even_inner(int64_t inner, torch::ScalarType dtype) {
  return dtype == torch::kBFloat16 ? rounded_up(inner, 2) : inner;
}

void pack(torch::ScalarType dtype, const cpu::Vectors& from, const cpu::PanelPart& part) {
  dtype == torch::kBFloat16 ? cpu::pack_bfloat16(from, part) : cpu::pack_floats(from, part);
}

/// Rows in blocks of nearly equal size, none above what a kernel takes.
struct RowBlocks {
  explicit RowBlocks(int64_t total) : rows(total), count((total + kMostPanelRows - 1) / kMostPanelRows) {}
  int64_t begin(int64_t block) const { return rows * block / count; }
  int64_t size(int64_t block) const { return begin(block + 1) - begin(block); }
  int64_t rows, count;
};

/// Calls one(i, begin, end) for the parts [begin, end) of the inner dimension of each of `count` panels of
/// `width`, neighbouring panels soon after one another.
template <typename One>
void for_panel_parts(int64_t count, int64_t width, int64_t inner, const One& one) {
  constexpr int64_t kElementsWorthAThread = 1 << 16;
  const int64_t grain = std::max<int64_t>(1, kElementsWorthAThread / std::max<int64_t>(inner * width, 1));
  parallel_for(count, grain, [&](int64_t first, int64_t last) {
    for (int64_t begin = 0; begin < inner; begin += kPackedTogether) {
      const int64_t end = std::min(begin + kPackedTogether, inner);
      for (int64_t i = first; i < last; ++i) one(i, begin, end);
    }
  });
}

}  // namespace

char* PackedMemory::at_least(int64_t bytes) {
  if (!bytes_.defined() || bytes_.numel() < bytes) {
    bytes_.reset();  // before the larger one is there
    bytes_ = empty_in_huge_pages({bytes}, torch::kUInt8);
  }
  return static_cast<char*>(bytes_.mutable_data_ptr());
}

ProductInput::ProductInput(const torch::Tensor& x)
    : data(x.const_data_ptr()),
      bfloat16(x.scalar_type() == torch::kBFloat16),
      rows(x.size(0)),
      inner(x.size(1)),
      row_stride(x.stride(0)),
      inner_stride(x.stride(1)) {
  const bool known = bfloat16 || x.scalar_type() == torch::kFloat32;
  if (x.dim() != 2 || !x.is_cpu() || !known || (x.stride(0) != 1 && x.stride(1) != 1))
    throw std::invalid_argument(
        "a packed product takes float32 or bfloat16 matrices on the CPU with a stride of 1");
}

ProductInput::ProductInput(const torch::Tensor& x, int64_t first, int64_t count)
    : ProductInput(x.narrow(0, first, count)) {}

void PackedMatrix::assign(const torch::Tensor& weight, torch::ScalarType dtype) {
  const ProductInput source(weight);
  if (dtype != torch::kBFloat16 && (dtype != torch::kFloat32 || source.bfloat16))
    throw std::invalid_argument("a matrix is packed as bfloat16, or from float32 as float32");
  inner_ = source.inner;
  columns_ = source.rows;
  dtype_ = dtype;
  lying_ = nullptr;
  step_ = kPanelWidth;
  panel_bytes_ = even_inner(inner_, dtype) * kPanelWidth * element_bytes(dtype);
  const int64_t panels = panels_of(columns_);
  char* to = panels_.at_least(panels * panel_bytes_);
  const cpu::Vectors from{source.data, source.bfloat16,   columns_,
                          inner_,      source.row_stride, source.inner_stride};
  for_panel_parts(panels, kPanelWidth, inner_, [&](int64_t panel, int64_t begin, int64_t end) {
    pack(dtype, from, {to + panel * panel_bytes_, panel * kPanelWidth, kPanelWidth, begin, end});
  });
}

void PackedMatrix::refer_to(const torch::Tensor& weight, torch::ScalarType dtype) {
  const ProductInput source(weight);
  if (source.bfloat16 || source.row_stride != 1 || !reads_as_it_lies(source.rows, source.inner_stride, dtype))
    return assign(weight, dtype);
  inner_ = source.inner;
  columns_ = source.rows;
  dtype_ = dtype;
  lying_ = static_cast<const char*>(source.data);
  step_ = source.inner_stride;
  panel_bytes_ = kPanelWidth * element_bytes(dtype);
}

bool PackedMatrix::reads_as_it_lies(int64_t outputs, int64_t step, torch::ScalarType dtype) {
  // Bytes: what lies a multiple of them apart competes for the same lines of a cache.
  constexpr int64_t kCacheAlias = 4096;
  return dtype == torch::kFloat32 && outputs % kPanelWidth == 0 &&
         step * element_bytes(dtype) % kCacheAlias != 0;
}

PackedProduct::Arranged PackedProduct::arrange(const ProductInput& x, const PackedMatrix& weight) {
  if (x.inner != weight.inner() || x.inner == 0)
    throw std::invalid_argument("a packed product needs equal inner dimensions that are not empty");
  const int64_t size = element_bytes(weight.dtype_), inner = even_inner(x.inner, weight.dtype_);
  const bool same_type = x.bfloat16 == (weight.dtype_ == torch::kBFloat16);
  if (same_type && x.inner_stride == 1 && x.row_stride >= x.inner && inner == x.inner)
    return {static_cast<const char*>(x.data), x.rows, x.row_stride * size};
  const int64_t row_bytes = inner * size;
  char* to = input_.at_least(x.rows * row_bytes);
  const RowBlocks blocks(x.rows);
  const cpu::Vectors from{x.data, x.bfloat16, x.rows, x.inner, x.row_stride, x.inner_stride};
  for_panel_parts(blocks.count, kMostPanelRows, x.inner, [&](int64_t block, int64_t begin, int64_t end) {
    const int64_t first = blocks.begin(block);
    pack(weight.dtype_, from, {to + first * row_bytes, first, blocks.size(block), begin, end});
  });
  return {to, x.rows, cpu::kInputInBlocks};
}

void PackedProduct::multiply(const PackedMatrix& weight, const Arranged& input, const float* bias, float* out,
                             bool add) {
  const torch::ScalarType dtype = weight.dtype_;
  const int64_t inner = even_inner(weight.inner(), dtype), columns = weight.columns(),
                size = element_bytes(dtype), panel_count = panels_of(columns);
  const RowBlocks blocks(input.rows);
  const int64_t most =
      std::max<int64_t>(1, kBytesOfRows / (std::min(inner, kMultipliedTogether) * size * kMostPanelRows));
  const int64_t chunks =
      (blocks.count + most - 1) / most;  // of nearly equal size: so are the threads' shares

  const auto multiply_block = [&](int64_t panel, int64_t block, int64_t begin, int64_t end) {
    float cut[kMostPanelRows * kPanelWidth];  // of the last panel, when its columns are not all wanted
    const int64_t column = panel * kPanelWidth, width = std::min(kPanelWidth, columns - column);
    const int64_t first = blocks.begin(block), count = blocks.size(block);
    float* to = out + first * columns + column;
    const bool whole = width == kPanelWidth, accumulate = add || begin > 0;
    if (!whole && accumulate) {
      std::fill_n(cut, kMostPanelRows * kPanelWidth, 0.0f);
      for (int64_t r = 0; r < count; ++r) std::copy_n(to + r * columns, width, cut + r * kPanelWidth);
    }
    const int64_t place = input.row_bytes == cpu::kInputInBlocks ? (first * inner + begin * count) * size
                                                                 : first * input.row_bytes + begin * size;
    const cpu::PanelProduct product{
        weight.panels() + panel * weight.panel_bytes_ + begin * weight.step_ * size,
        input.data + place,
        input.row_bytes,
        whole ? to : cut,
        end - begin,
        count,
        whole ? columns : kPanelWidth,
        accumulate,
        weight.step_};
    dtype == torch::kBFloat16 ? cpu::multiply_panel_bfloat16(product) : cpu::multiply_panel_float(product);
    for (int64_t r = 0; r < count && (!whole || bias); ++r) {
      float* row = to + r * columns;
      if (!whole) std::copy_n(cut + r * kPanelWidth, width, row);
      if (bias && end == inner)
        for (int64_t c = 0; c < width; ++c) row[c] += bias[column + c];
    }
  };
  // A task is a panel times a chunk of the blocks.
  for (int64_t begin = 0; begin < inner; begin += kMultipliedTogether) {
    const int64_t end = std::min(begin + kMultipliedTogether, inner);
    parallel_tasks(chunks * panel_count, [&](int64_t task) {
      const int64_t chunk = task / panel_count, from = blocks.count * chunk / chunks,
                    to = blocks.count * (chunk + 1) / chunks;
      for (int64_t block = from; block < to; ++block) multiply_block(task % panel_count, block, begin, end);
    });
  }
}

void PackedProduct::operator()(const PackedMatrix& weight, const ProductInput& x, const float* bias,
                               float* out) {
  multiply(weight, arrange(x, weight), bias, out, false);
}

void PackedProduct::add_to(const PackedMatrix& weight, const ProductInput& x, float* out) {
  multiply(weight, arrange(x, weight), nullptr, out, true);
}

namespace {

/// What a product on the fly works in.
struct Workspace {
  PackedMatrix matrix;
  PackedProduct product;
};

Workspace& workspace() {
  static thread_local Workspace kept;
  return kept;
}

}  // namespace

torch::Tensor packed_product(const torch::Tensor& a, const PackedMatrix& weight, const torch::Tensor& bias) {
  const torch::Tensor out = torch::empty({a.size(0), weight.columns()}, torch::kFloat32);
  workspace().product(weight, ProductInput(a), bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                      out.mutable_data_ptr<float>());
  return out;
}

void packed_product_into(torch::Tensor& out, const torch::Tensor& a, const PackedMatrix& weight) {
  workspace().product(weight, ProductInput(a), nullptr, out.mutable_data_ptr<float>());
}

torch::Tensor packed_product(const torch::Tensor& a, const torch::Tensor& b, torch::ScalarType dtype,
                             const torch::Tensor& bias) {
  PackedMatrix& matrix = workspace().matrix;
  matrix.refer_to(b, dtype);
  return packed_product(a, matrix, bias);
}

void add_packed_product(const torch::Tensor& a, const torch::Tensor& b, torch::ScalarType dtype,
                        torch::Tensor& out) {
  auto& [matrix, product] = workspace();
  matrix.refer_to(b, dtype);
  product.add_to(matrix, ProductInput(a), out.mutable_data_ptr<float>());
}

bool packed_products_pay(torch::ScalarType dtype) {
  if (dtype == torch::kBFloat16) return cpu::bfloat16_vectors_are_best();
  return dtype == torch::kFloat32 && cpu::float_vectors_are_best();
}

}  // namespace rlhf
