#pragma once
#include <cstdint>

/// Laying matrices out for the kernels of model/packed_kernels.h.
namespace rlhf::cpu {

/// A matrix where it lies: `outer` vectors of `inner` elements, the dimension that a product sums over. One
/// of the strides, in elements, is 1: the vectors are rows (`inner_stride` 1) or columns (`outer_stride` 1).
struct Vectors {
  const void* data;  ///< float or bfloat16
  bool bfloat16;
  int64_t outer, inner;
  int64_t outer_stride, inner_stride;
};

/// Part of a panel to be filled. A panel is [inner][width] floats, or [inner / 2][width][2] bfloat16 with
/// `inner` rounded up to even; what lies beyond the matrix becomes zero.
struct PanelPart {
  void* panel;         ///< where the whole panel begins
  int64_t first;       ///< the vector that becomes the panel's first
  int64_t width;       ///< 1 to 32
  int64_t begin, end;  ///< of the inner dimension: `begin` even; `end` even, or the matrix's end
};
void pack_floats(const Vectors& from, const PanelPart& part);  ///< from float
void pack_bfloat16(const Vectors& from,
                   const PanelPart& part);  ///< from either; floats to nearest, ties to even

}  // namespace rlhf::cpu
