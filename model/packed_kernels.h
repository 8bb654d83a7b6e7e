#pragma once
#include <cstdint>

/// Products of a few rows with a matrix that is laid out for them: every weight is read once, in the order it
/// lies in memory. Built for several instruction sets; the machine's best is chosen once. Each output element
/// is one running sum over the inner dimension in a fixed order, so it depends neither on the other rows nor
/// on how columns are shared among threads.
namespace rlhf::cpu {

constexpr int64_t kPanelWidth = 32;     ///< output columns that are computed together
constexpr int64_t kMostPanelRows = 12;  ///< rows of input that one pass over a panel takes

/// One panel of the weight matrix, [inner][kPanelWidth] floats, times up to kMostPanelRows rows.
struct PanelProduct {
  const void* panel;  ///< float, or bfloat16 pairs [inner / 2][kPanelWidth][2]
  const void* input;  ///< [inner][rows] float, or bfloat16 pairs [inner / 2][rows][2]
  float* out;         ///< [rows][kPanelWidth], `out_stride` apart; overwritten
  int64_t inner;      ///< even for bfloat16
  int64_t rows;       ///< 1 to kMostPanelRows
  int64_t out_stride;
};
void multiply_panel_float(const PanelProduct& product);
void multiply_panel_bfloat16(const PanelProduct& product);

}  // namespace rlhf::cpu
