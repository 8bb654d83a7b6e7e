#pragma once
#include <cstdint>

/// Products of a few rows with a panel of a matrix, which is read once, from its beginning to its end. Built
/// for several instruction sets; the machine's best is chosen once. Each output element is one running sum
/// over the inner dimension in a fixed order, so it depends neither on the other rows nor on how columns are
/// shared among threads.
namespace rlhf::cpu {

constexpr int64_t kPanelWidth = 32;     ///< output columns that are computed together
constexpr int64_t kMostPanelRows = 12;  ///< rows of input that one pass over a panel takes

constexpr int64_t kInputInBlocks = 0;

/// One panel of the weight matrix, [inner][kPanelWidth] floats, times up to kMostPanelRows rows.
struct PanelProduct {
  const void* panel;  ///< float, or bfloat16 pairs [inner / 2][kPanelWidth][2]
  const void* input;  ///< [inner][rows] float, or bfloat16 pairs [inner / 2][rows][2]; or rows as they lie
  int64_t row_bytes;  ///< from row to row of input as it lies; kInputInBlocks: [inner][rows]
  float* out;         ///< [rows][kPanelWidth], `out_stride` apart
  int64_t inner;      ///< even for bfloat16
  int64_t rows;       ///< 1 to kMostPanelRows
  int64_t out_stride;
  bool accumulate;  ///< go on from the sums in `out`
  /// Floats from one inner index of the panel to the next: more where it is part of a matrix as it lies.
  int64_t panel_step = kPanelWidth;
};
void multiply_panel_float(const PanelProduct& product);
void multiply_panel_bfloat16(const PanelProduct& product);

/// True where the kernels have instructions of their own for these.
bool has_float_vectors();
bool has_bfloat16_vectors();

/// True where bfloat16 is multiplied by instructions for vectors (AVX512-BF16), not for tiles (AMX).
bool bfloat16_vectors_are_best();
/// True where these kernels have AVX-512 and LibTorch's library (MKL) does not use it: on AMD's processors.
bool float_vectors_are_best();

}  // namespace rlhf::cpu
