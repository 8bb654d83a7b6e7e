#pragma once
#include <cstdint>

#include <torch/types.h>

namespace rlhf {

/// Bytes in pages of 2 MiB, where the system has them, that are kept when less is asked for.
class PackedMemory {
 public:
  char* at_least(int64_t bytes);
  const char* data() const { return static_cast<const char*>(bytes_.const_data_ptr()); }

 private:
  torch::Tensor bytes_;
};

/// A weight matrix for the products below, in panels of 32 outputs: laid out in the order in which they are
/// read, or as it lies. Threads may share one that none of them assigns to.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// Copies weight [out, in] (float32 or bfloat16, on the CPU, either of its strides 1: a transposed view
  /// will do) as `dtype`, float32 or bfloat16; not from bfloat16 to float32.
  PackedMatrix(const torch::Tensor& weight, torch::ScalarType dtype) { assign(weight, dtype); }
  PackedMatrix(PackedMatrix&&) = default;
  PackedMatrix& operator=(PackedMatrix&&) = default;
  /// The same in the memory that is there, when it suffices.
  void assign(const torch::Tensor& weight, torch::ScalarType dtype);
  /// The same, but a float32 weight that is a transposed view is not copied when it can be multiplied as it
  /// lies. It must then live and stay as it is until the next assignment or the last product.
  void refer_to(const torch::Tensor& weight, torch::ScalarType dtype);
  /// Whether refer_to() does without a copy for so many outputs, `step` elements from one inner index to the
  /// next: where the same memory is not read more slowly than a copy.
  static bool reads_as_it_lies(int64_t outputs, int64_t step, torch::ScalarType dtype);

  int64_t inner() const { return inner_; }
  int64_t columns() const { return columns_; }

 private:
  friend class PackedProduct;
  const char* panels() const { return lying_ ? lying_ : panels_.data(); }

  PackedMemory
      panels_;  // [panels][inner][32] float32 or [panels][inner / 2][32][2] bfloat16, padded with zeros
  const char* lying_ = nullptr;  // the weight referred to, [inner][columns]
  torch::ScalarType dtype_ = torch::kFloat32;
  int64_t inner_ = 0, columns_ = 0;
  int64_t step_ = 0, panel_bytes_ = 0;  // elements from one inner index to the next; from panel to panel
};

/// The other side of a product: x [rows, in], float32 or bfloat16, one of its strides 1.
struct ProductInput {
  const void* data;
  bool bfloat16;
  int64_t rows, inner;
  int64_t row_stride, inner_stride;  ///< in elements

  explicit ProductInput(const torch::Tensor& x);
  /// Rows [first, first + count) of a contiguous x.
  ProductInput(const torch::Tensor& x, int64_t first, int64_t count);
  ProductInput(const float* x, int64_t row_count, int64_t width)
      : data(x), bfloat16(false), rows(row_count), inner(width), row_stride(width), inner_stride(1) {}
};

/// Computes out = x weight^T + bias for packed weights, for one row as for thousands, with a buffer of its
/// own for the input that grows to what it was asked for once. Uses torch's threads. Every output is one
/// running float32 sum in the order of the inner dimension: its bits depend neither on the other rows nor on
/// the number of threads. Not thread-safe.
///
/// Loops after Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication": a panel of
/// weights stays in a core's cache while blocks of rows that fit beside it pass by.
class PackedProduct {
 public:
  /// out [rows, out] float32, contiguous; bias [out] float32 or nullptr.
  void operator()(const PackedMatrix& weight, const ProductInput& x, const float* bias, float* out);
  /// out += x weight^T.
  void add_to(const PackedMatrix& weight, const ProductInput& x, float* out);

 private:
  /// The input as the kernels read it: as it lies where that will do, else in blocks of rows.
  struct Arranged {
    const char* data;
    int64_t rows, row_bytes;  // row_bytes as in cpu::PanelProduct
  };
  Arranged arrange(const ProductInput& x, const PackedMatrix& weight);
  void multiply(const PackedMatrix& weight, const Arranged& input, const float* bias, float* out, bool add);

  PackedMemory input_;  // blocks of rows, [inner][rows of the block] float or [inner / 2][rows][2] bfloat16
};

/// Whether products of `dtype` are computed here rather than by LibTorch: docs/performance.md says where that
/// was measured to be faster.
bool packed_products_pay(torch::ScalarType dtype);

/// a weight^T + bias, [M, N] float32, of a matrix that is packed already: a [M, K] float32 or bfloat16 with
/// one stride 1; bias [N] float32 or undefined.
torch::Tensor packed_product(const torch::Tensor& a, const PackedMatrix& weight,
                             const torch::Tensor& bias = {});
/// The same without a bias, into out [M, N] float32, contiguous.
void packed_product_into(torch::Tensor& out, const torch::Tensor& a, const PackedMatrix& weight);
/// a b^T + bias in `dtype`, [M, N] float32: a [M, K], b [N, K], each float32 or bfloat16 with one stride 1;
/// bias [N] float32 or undefined. Packs b for this one product, in memory that each thread keeps, unless it
/// can be read as it lies.
torch::Tensor packed_product(const torch::Tensor& a, const torch::Tensor& b, torch::ScalarType dtype,
                             const torch::Tensor& bias = {});
/// out [M, N] += a b^T.
void add_packed_product(const torch::Tensor& a, const torch::Tensor& b, torch::ScalarType dtype,
                        torch::Tensor& out);

}  // namespace rlhf
